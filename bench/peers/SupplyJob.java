import com.uber.h3core.H3Core;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler;
import org.apache.kafka.streams.processor.PunctuationType;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueIterator;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.Stores;

/**
 * The supply job with Kafka Streams: the last state of each driver in a RocksDB store with caching and a changelog, idle
 * cars per zone and cell in memory, rebuilt from the store, written every 100 ms for the zones that changed.
 */
public final class SupplyJob implements Processor<byte[], byte[], byte[], byte[]> {
    private static final long ZONE_BITS = 6L << 52 | ((1L << 27) - 1);
    private static final long KEEP = ~(0xFL << 52);
    private static final int IDLE = 1;

    private final Map<Long, Map<Long, int[]>> idle = new HashMap<>();
    private final Set<Long> changed = new HashSet<>();
    private ProcessorContext<byte[], byte[]> context;
    private KeyValueStore<byte[], byte[]> drivers;
    private H3Core h3;

    @Override
    public void init(ProcessorContext<byte[], byte[]> given) {
        context = given;
        drivers = given.getStateStore("drivers");
        try {
            h3 = H3Core.newInstance();
        } catch (java.io.IOException error) {
            throw new java.io.UncheckedIOException(error);
        }
        try (KeyValueIterator<byte[], byte[]> known = drivers.all()) {
            known.forEachRemaining(one -> add(one.value, 1));
        }
        given.schedule(Duration.ofMillis(flushMs()), PunctuationType.WALL_CLOCK_TIME, this::write);
    }

    @Override
    public void process(Record<byte[], byte[]> record) {
        ByteBuffer in = ByteBuffer.wrap(record.value()).order(ByteOrder.LITTLE_ENDIAN).position(5);
        in.position((int) readLong(in) + in.position());
        long atMs = readLong(in);
        long cell = h3.latLngToCell(in.getDouble(), in.getDouble(), 8);
        byte status = (byte) readLong(in);
        byte[] known = drivers.get(record.key());
        if (known != null) {
            if (ByteBuffer.wrap(known).getLong() > atMs) {
                return;
            }
            add(known, -1);
        }
        byte[] now = ByteBuffer.allocate(17).putLong(atMs).putLong(cell).put(status).array();
        drivers.put(record.key(), now);
        add(now, 1);
    }

    private void add(byte[] driver, int cars) {
        if (driver[16] != IDLE) {
            return;
        }
        long cell = ByteBuffer.wrap(driver).getLong(8);
        long zone = cell & KEEP | ZONE_BITS;
        idle.computeIfAbsent(zone, z -> new HashMap<>()).computeIfAbsent(cell, c -> new int[1])[0] += cars;
        changed.add(zone);
    }

    private void write(long nowMs) {
        for (long zone : changed) {
            Map<Long, int[]> cells = idle.get(zone);
            cells.values().removeIf(count -> count[0] == 0);
            ByteBuffer out = ByteBuffer.allocate(64 + 16 * cells.size()).put(new byte[5]);
            writeLong(out, zone);
            writeLong(out, context.taskId().partition());
            writeLong(out, cells.size());
            cells.keySet().forEach(cell -> writeLong(out, cell));
            if (!cells.isEmpty()) {
                out.put((byte) 0);
            }
            writeLong(out, cells.size());
            cells.values().forEach(count -> writeLong(out, count[0]));
            if (!cells.isEmpty()) {
                out.put((byte) 0);
            }
            byte[] value = java.util.Arrays.copyOf(out.array(), out.position());
            byte[] key = Long.toHexString(zone).getBytes(StandardCharsets.US_ASCII);
            context.forward(new Record<>(key, value, nowMs));
        }
        changed.clear();
    }

    private static long readLong(ByteBuffer in) {
        long bits = 0;
        for (int shift = 0; ; shift += 7) {
            byte next = in.get();
            bits |= (long) (next & 127) << shift;
            if (next >= 0) {
                return bits >>> 1 ^ -(bits & 1);
            }
        }
    }

    private static void writeLong(ByteBuffer out, long value) {
        long bits = value << 1 ^ value >> 63;
        while ((bits & ~127L) != 0) {
            out.put((byte) (bits | 128));
            bits >>>= 7;
        }
        out.put((byte) bits);
    }

    private static long flushMs() {
        return Math.round(Double.parseDouble(System.getenv("BENCH_FLUSH_S")) * 1000);
    }

    public static void main(String[] none) {
        Properties settings = new Properties();
        settings.put("application.id", System.getenv("BENCH_GROUP"));
        settings.put("bootstrap.servers", System.getenv("BENCH_BOOTSTRAP"));
        settings.put("state.dir", System.getenv("BENCH_STATE_DIR"));
        settings.put("num.stream.threads", 1);
        settings.put("commit.interval.ms", Math.round(Double.parseDouble(System.getenv("BENCH_COMMIT_S")) * 1000));
        settings.put("statestore.cache.max.bytes", 64 << 20);
        settings.put("replication.factor", 1);
        settings.put("consumer.auto.offset.reset", "earliest");
        settings.put("consumer.max.poll.records", 10_000);
        settings.put("consumer.max.partition.fetch.bytes", 4 << 20);
        settings.put("producer.acks", "all");
        settings.put("producer.compression.type", "lz4");
        settings.put("producer.linger.ms", 5);
        Topology topology = new Topology();
        topology.addSource("pings", new ByteArrayDeserializer(), new ByteArrayDeserializer(), System.getenv("BENCH_INPUT"));
        topology.addProcessor("supply", SupplyJob::new, "pings");
        topology.addStateStore(
                Stores.keyValueStoreBuilder(
                                Stores.persistentKeyValueStore("drivers"), Serdes.ByteArray(), Serdes.ByteArray())
                        .withCachingEnabled(),
                "supply");
        topology.addSink("out", System.getenv("BENCH_OUTPUT"), new ByteArraySerializer(), new ByteArraySerializer(), "supply");
        KafkaStreams streams = new KafkaStreams(topology, settings);
        streams.setUncaughtExceptionHandler(
                error -> {
                    error.printStackTrace();
                    return StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
                });
        Runtime.getRuntime().addShutdownHook(new Thread(() -> streams.close(Duration.ofSeconds(5))));
        streams.start();
    }
}
