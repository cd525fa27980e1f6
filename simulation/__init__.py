"""A city of riders and drivers that talks to the system over the topics only.

`history` says who asks when, `riders` where to and how they choose, `fleet` and `dispatch` what the cars do, `rides`
what becomes of a booking. All of these take time as an argument and draw from generators seeded by the plan. `city`
puts them together, `play` gives them a clock and a wire, `over_topics` is that wire on Kafka.
"""
