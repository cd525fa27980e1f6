"""What every service shares: batching transport, publishing, broadcast reading, starting and ending.

How a record travels, and where each promise is kept:

    broker ─> group_consumer ─> consumer ─> batches() ─> agent ─> publisher ─> broker
              seek, fence,       chunks,     explicit     rule     acknowledged
              commit note        parking     ack                   by all replicas

* An offset is committed only after the agent acknowledged its batch, and an agent acknowledges after its output and
  its changelog were acknowledged by the broker (`deliveries`, `producer`).
* Every assignment starts an `Epoch` and reads again from the point the topic's rewind policy names (`rewind`).
* A process that lost its place in the group, an agent of which raised, or which hangs ends at once (`fencing`,
  `supervision`): the next start rebuilds everything from the topics.
"""
