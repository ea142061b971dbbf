"""The coordinator's side: reach the nodes, distribute the weights, drive the generation, show the text."""
