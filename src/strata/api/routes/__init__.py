"""The routes of the API: each module is one router, which `strata.api.app` includes."""
