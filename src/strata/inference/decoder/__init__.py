"""The decoder: any causal model cut between two layers, one stage of it run with its own cache, and sampling."""
