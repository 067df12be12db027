"""The paper's own training: clips of data sets, its two stages as configuration files, and what is watched."""
