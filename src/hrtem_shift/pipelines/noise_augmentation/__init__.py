"""Noise augmentation: how much does added noise repair, and what does it cost?"""
