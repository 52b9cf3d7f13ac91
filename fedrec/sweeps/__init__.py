"""Tuning of attacks and defenses: a Hydra sweeper on Optuna whose studies resume, prune and run in parallel."""
