"""What a ride costs, and why, all pure; each room knows only those below it.

    learning                 training, backtests, scores: before a model is announced
    explaining | quotes      why a price is what it is; a request's one answer
    surge                    a zone's multipliers, tick by tick
    models                   forecasts and behaviour, as artefacts
    zones                    counts joined to what is known of a zone
    rules                    markets, policies, fares

An import contract holds that order.
"""
