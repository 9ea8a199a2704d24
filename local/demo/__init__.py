"""One night over a catalogue whose differences are known, held against what they should give."""
