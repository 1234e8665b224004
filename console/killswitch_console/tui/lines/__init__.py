"""What the screens say, as lines of toned text: pure functions, no Textual, so that each word can be tested."""
