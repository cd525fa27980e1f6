"""What the job `tick` measures is a tick as the service makes it."""

from bench.city import CityInMemory, read_places
from bench.tick import hottest_share, tick_rates
from infra.cli.seeding import shipped_model
from topics.counts import SupplyCellsCounted
from windows.hexagons import cells_of_zone


def test_the_city_has_the_size_stated():
    """41 zones of 49 cells, of the market's, the busiest first."""
    places = read_places()
    counts = list(places.zones.values())
    assert sum(len(cells_of_zone(zone)) for zone in places.zones) == 2_009
    assert counts == sorted(counts, reverse=True)
    assert sum(counts) == places.cell.size


def test_every_zone_is_priced_by_the_model_on_complete_data():
    """Nothing is measured that falls back, freezes or has no riders and cars."""
    city = CityInMemory(read_places(), shipped_model(0))
    for _ in range(5):  # longer than a source may be silent
        for record in city.pass_time(1_000):
            city.hear(record)
    ticks = [city.desk.tick(zone, city.now_ms) for zone in city.zones]
    assert all(tick is not None and tick.model and tick.supply_complete and tick.demand_complete for tick in ticks)
    assert sum(sum(tick.demand_milli) for tick in ticks if tick) > 0
    assert sum(sum(tick.supply_milli) for tick in ticks if tick) > 0


def test_the_same_seed_gives_the_same_city():
    """Two runs measure the same work."""
    places, model = read_places(), shipped_model(0)
    told = [CityInMemory(places, model).pass_time(1_000) for _ in range(2)]
    assert told[0] == told[1]
    assert any(isinstance(record, SupplyCellsCounted) for record in told[0])


def test_the_hottest_worker_has_at_least_its_even_share():
    """More workers never make the busiest one busier, and it cannot be below the mean."""
    rates = tick_rates(read_places().zones)
    shares = [hottest_share(rates, workers) for workers in (1, 2, 4, 8)]
    assert shares[0] == 1.0
    assert shares == sorted(shares, reverse=True)
    assert all(share >= 1 / workers for share, workers in zip(shares, (1, 2, 4, 8), strict=True))
