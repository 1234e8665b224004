"""The audit trail: who halted what, why, on whose authority, with what proof - and that nothing was taken out since."""
