"""The rules of the services run again over recorded topics, and compared with what was said then.

recording   one file: records as the broker held them, schemas, and a hash of every part
capture     from the brokers to a recording: the range asked for, and what its outputs name
ticks       the ticks of one zone partition, each from the inputs it names
answers     the quotes and decisions of one rider partition
run         all partitions, a process each; what comes out stands in a directory
compare     what was recorded beside what came out
"""
