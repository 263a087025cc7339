"""The counting part of phase 1 as a good user of other tools would write it."""
