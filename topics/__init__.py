"""The typed catalogue: topics, keys, record classes, codecs. No Faust, no logic."""
