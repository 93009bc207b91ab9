"""What is sold, a folder each; products never import one another."""
