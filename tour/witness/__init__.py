"""Steps of a tour held against a real run of the reader's own torch.

Nothing is imported here: a walk that is only read pays for no run.
"""
