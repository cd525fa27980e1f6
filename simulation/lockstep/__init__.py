"""A city that answers prices, in lockstep with whoever makes them: no broker, no clock, one seed, one result.

`ground` is where it lies, `scenarios` what happens in it, `riders` who asks, `decisions` how people choose, `cars` and
`town` what becomes of it. A pricer (`pricers`, `ratio`, `core`) sees what a platform would see and answers with
multipliers; it reads no parameter of the city. `outcome` measures, `trials` pairs policies on common random numbers.

The whole moves in steps of five seconds; prices are made anew every thirty, half the interval published for large
platforms. Everything a person will do is drawn before the first step, so two policies meet the same people.
"""
