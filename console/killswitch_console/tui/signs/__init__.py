"""What every screen shows around its body: lights in the header, banner lines, the frame. One sign per file."""
