"""The live view of a running system: what it sees, how it is put in rows, how they are drawn.

    topics ──> watching.Watch ──> seen.Seen ──> sight.look ──> Sight ──> screen | plain | JSON
               (reads)            (adds up)     (rules)                  (draw)

Only `watching` reads, only `screen` knows Textual; all between is plain values and can be tested without either.
"""
