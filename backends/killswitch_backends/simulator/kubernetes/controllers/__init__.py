"""The controller manager: the loops that make and remove objects so that what is becomes what is wished for.

They read and write the store directly, as trusted parts of the control plane; they never answer requests.
"""
