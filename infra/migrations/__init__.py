"""The tables of the recorder: numbered SQL files, how they are applied, and the daily partitions below them."""
