"""How the shipped model is made: procedural scenes, losses, the training loop, the export."""
