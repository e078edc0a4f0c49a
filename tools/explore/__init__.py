"""The explorables: pages that run the package's own rules, translated into JavaScript."""
