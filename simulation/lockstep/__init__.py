"""A city that answers prices, in lockstep with whoever makes them: no broker, no clock, one seed, one result.

`ground` is where it lies, `scenarios` what happens in it, `riders` who asks, `decisions` how people choose, `cars` and
`town` what becomes of it. A pricer (`pricers`, `ratio`, `core`) sees what a platform would see and answers with
multipliers; it reads no parameter of the city. `offered` keeps what riders were offered and what became of it,
`outcome` measures, `trials` pairs policies on common random numbers.

The whole moves in steps of five seconds; prices are made anew every thirty. Who asks and who drives, with all they want
and how long they wait, is drawn before the first step; what is drawn later, such as where a car waits next, depends on
the seed, the person and the turn alone. So two policies of one seed meet the same people.
"""
