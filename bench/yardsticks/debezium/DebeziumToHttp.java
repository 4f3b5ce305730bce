import io.debezium.engine.ChangeEvent;
import io.debezium.engine.DebeziumEngine;
import io.debezium.engine.format.JsonByteArray;
import java.io.ByteArrayOutputStream;
import java.lang.management.ManagementFactory;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CountDownLatch;

/**
 * Debezium's embedded engine in front of an HTTP receiver that takes records in bulk.
 *
 * <p>A record has the members that the API asks for; what takes work to make (a version, an idempotency key) is left
 * out in favour of a constant.
 *
 * <p>Usage: DebeziumToHttp URL ROWS REQUEST_ROWS, the engine's properties on standard input. Ends when as many rows are
 * acknowledged, and writes one line: {"seconds", "cpuSeconds", "maxRssBytes"}. Time and CPU count from the first batch
 * that the engine hands over, so that starting is not counted, and neither is what the first rows took to get here.
 *
 * <p>While one batch is on its way the engine prepares the next; offsets are committed in order, after the answers.
 */
public final class DebeziumToHttp
    implements DebeziumEngine.ChangeConsumer<ChangeEvent<byte[], byte[]>> {
  private static final byte[] OPEN = utf8("{\"records\":[");
  private static final byte[] CLOSE = utf8("]}");
  private static final byte[] KEY =
      utf8(
          "{\"tenantId\":\"bench\",\"database\":\"bench\",\"collection\":\"public.bench_rows\","
              + "\"operationType\":\"insert\",\"recordId\":\"");
  private static final byte[] PAYLOAD = utf8("\",\"recordVersion\":\"1\",\"idempotencyKey\":\"1\",\"recordPayload\":");

  private final HttpClient client =
      HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
  private final URI url;
  private final long rows;
  private final int requestRows;
  private final CountDownLatch done = new CountDownLatch(1);
  private Batch previous = null;
  private long seen = 0;
  private long startedAt = 0;
  private long cpuAtStart = 0;

  private record Batch(
      List<ChangeEvent<byte[], byte[]>> events,
      DebeziumEngine.RecordCommitter<ChangeEvent<byte[], byte[]>> committer,
      CompletableFuture<Void> answers) {

    void finish() throws InterruptedException {
      try {
        answers.join();
      } catch (CompletionException error) {
        throw new IllegalStateException("A request failed.", error);
      }
      for (ChangeEvent<byte[], byte[]> event : events) committer.markProcessed(event);
      committer.markBatchFinished();
    }
  }

  private DebeziumToHttp(URI url, long rows, int requestRows) {
    this.url = url;
    this.rows = rows;
    this.requestRows = requestRows;
  }

  public static void main(String[] args) throws Exception {
    Properties properties = new Properties();
    properties.load(System.in);
    DebeziumToHttp sink =
        new DebeziumToHttp(
            URI.create(args[0]), Long.parseLong(args[1]), Integer.parseInt(args[2]));
    DebeziumEngine<ChangeEvent<byte[], byte[]>> engine =
        DebeziumEngine.create(JsonByteArray.class)
            .using(properties)
            .using(
                (success, message, error) -> {
                  if (success) return;
                  System.err.println(message);
                  if (error != null) error.printStackTrace();
                  System.exit(1);
                })
            .notifying(sink)
            .build();
    Thread thread = new Thread(engine, "engine");
    thread.start();
    sink.done.await();
    System.out.println(sink.report());
    System.out.flush();
    // Everything is acknowledged: an orderly shutdown would only take time.
    Runtime.getRuntime().halt(0);
  }

  @Override
  public void handleBatch(
      List<ChangeEvent<byte[], byte[]>> events,
      DebeziumEngine.RecordCommitter<ChangeEvent<byte[], byte[]>> committer)
      throws InterruptedException {
    if (startedAt == 0) {
      startedAt = System.nanoTime();
      cpuAtStart = cpuNanos();
    }
    List<CompletableFuture<Void>> requests = new ArrayList<>();
    for (int from = 0; from < events.size(); from += requestRows) {
      requests.add(send(events.subList(from, Math.min(from + requestRows, events.size()))));
    }
    CompletableFuture<Void> answers =
        CompletableFuture.allOf(requests.toArray(new CompletableFuture<?>[0]));
    if (previous != null) previous.finish();
    previous = new Batch(events, committer, answers);
    seen += events.size();
    if (seen < rows) return;
    previous.finish();
    done.countDown();
  }

  private CompletableFuture<Void> send(List<ChangeEvent<byte[], byte[]>> events) {
    HttpRequest request =
        HttpRequest.newBuilder(url)
            .header("content-type", "application/json")
            .POST(HttpRequest.BodyPublishers.ofByteArray(body(events)))
            .build();
    return client
        .sendAsync(request, HttpResponse.BodyHandlers.discarding())
        .thenAccept(
            answer -> {
              if (answer.statusCode() / 100 != 2)
                throw new IllegalStateException("The receiver answered " + answer.statusCode());
            });
  }

  private static byte[] body(List<ChangeEvent<byte[], byte[]>> events) {
    ByteArrayOutputStream body = new ByteArrayOutputStream(events.size() * 1024);
    body.writeBytes(OPEN);
    boolean first = true;
    for (ChangeEvent<byte[], byte[]> event : events) {
      if (!first) body.write(',');
      first = false;
      body.writeBytes(KEY);
      for (byte each : event.key()) {
        if (each == '"' || each == '\\') body.write('\\');
        body.write(each);
      }
      body.writeBytes(PAYLOAD);
      body.writeBytes(event.value());
      body.write('}');
    }
    body.writeBytes(CLOSE);
    return body.toByteArray();
  }

  private String report() throws Exception {
    double seconds = (System.nanoTime() - startedAt) / 1e9;
    double cpuSeconds = (cpuNanos() - cpuAtStart) / 1e9;
    long kilobytes = 0;
    for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
      if (line.startsWith("VmHWM:")) kilobytes = Long.parseLong(line.replaceAll("\\D", ""));
    }
    return "{\"seconds\":%s,\"cpuSeconds\":%s,\"maxRssBytes\":%d}"
        .formatted(seconds, cpuSeconds, kilobytes * 1024);
  }

  private static long cpuNanos() {
    return ((com.sun.management.OperatingSystemMXBean)
            ManagementFactory.getOperatingSystemMXBean())
        .getProcessCpuTime();
  }

  private static byte[] utf8(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }
}
