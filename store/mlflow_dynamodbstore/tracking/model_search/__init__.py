"""Searching logged models: filters, orders, pages."""
