// flags2 by HttpURLConnection: `java Flags2.java [flags2 arguments]`, Java 11 or newer.
// By itself it asks once more where a connection ends before the head of a reply does.

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.HttpURLConnection;
import java.net.Proxy;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeSet;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;

public class Flags2 {
    static final int MOST = 32;
    static final String POP20 = "BD BR CD CN DE EG ET FR ID IN IR JP MX NG PH PK RU TR US VN";
    static final Map<String, String> URLS = Map.of(
            "LOCAL", "http://localhost:8001/flags",
            "DELAY", "http://localhost:8002/flags",
            "ERROR", "http://localhost:8003/flags",
            "REMOTE", "http://flupy.org/data/flags");

    static boolean all, every, verbose;
    static int limit = Integer.MAX_VALUE, wanted = 3;
    static String label = "LOCAL", base;
    static int silenceMs = 30_000;
    static int ok, notFound, errors;

    static synchronized void say(String line) {
        byte[] bytes = (line + "\n").getBytes();
        System.out.write(bytes, 0, bytes.length);
        System.out.flush();
    }

    static RuntimeException usage(String message) {
        System.err.println("usage error: " + message);
        System.exit(3);
        return new RuntimeException();
    }

    static int number(String text) {
        if (!text.matches("[0-9]{1,9}") || Integer.parseInt(text) < 1) {
            throw usage(text + " is no number from 1");
        }
        return Integer.parseInt(text);
    }

    static Collection<String> parse(String[] words) throws IOException {
        Collection<String> codes = new TreeSet<>();
        Iterator<String> rest = List.of(words).iterator();
        while (rest.hasNext()) {
            String word = rest.next();
            if (word.matches("-[lms]|--limit|--max_req|--server") && !rest.hasNext()) {
                throw usage(word + " needs a value");
            }
            switch (word) {
                case "-a": case "--all": all = true; break;
                case "-e": case "--every": every = true; break;
                case "-v": case "--verbose": verbose = true; break;
                case "-l": case "--limit": limit = number(rest.next()); break;
                case "-m": case "--max_req": wanted = number(rest.next()); break;
                case "-s": case "--server": label = rest.next().toUpperCase(Locale.ROOT); break;
                default: addCodes(codes, word);
            }
        }
        if (!URLS.containsKey(label)) {
            throw usage("there is no server " + label);
        }
        if (every) {
            for (char first = 'A'; first <= 'Z'; first++) addCodes(codes, "" + first);
        } else if (all) {
            codes = new TreeSet<>();
            Path file = Path.of("country_codes.txt");
            if (!Files.isReadable(file)) throw usage("cannot read " + file);
            codes.addAll(List.of(Files.readString(file).trim().split("\\s+")));
        }
        if (codes.isEmpty()) codes.addAll(List.of(POP20.split(" ")));
        return codes;
    }

    static void addCodes(Collection<String> codes, String word) {
        if (!word.matches("[A-Za-z]{1,2}")) {
            throw usage(word + " is neither a code nor a letter");
        }
        String code = word.toUpperCase(Locale.ROOT);
        if (code.length() == 2) {
            codes.add(code);
        } else {
            for (char second = 'A'; second <= 'Z'; second++) codes.add(code + second);
        }
    }

    /** The body of a whole 200; null for a 404; raises IOException for anything else. */
    static byte[] ask(String url) throws IOException {
        var connection = (HttpURLConnection) new URL(url).openConnection(Proxy.NO_PROXY);
        connection.setInstanceFollowRedirects(false);
        connection.setConnectTimeout(silenceMs);
        connection.setReadTimeout(silenceMs);
        connection.setRequestProperty("Accept-Encoding", "identity");
        try {
            int status = connection.getResponseCode();
            if (status == 404) return null;
            if (status != 200) throw new IOException("HTTP " + status);
            var body = new ByteArrayOutputStream();
            try (InputStream stream = connection.getInputStream()) {
                stream.transferTo(body);
            }
            // It reads to the end of the connection, wherever the body ends.
            long length = connection.getContentLengthLong();
            if (length >= 0 && body.size() != length) {
                throw new IOException(body.size() + " bytes came, not " + length);
            }
            return body.toByteArray();
        } finally {
            connection.disconnect();
        }
    }

    static void save(String name, byte[] body) throws IOException {
        Path folder = Path.of("downloads");
        Files.createDirectories(folder);
        Path partial = folder.resolve("." + name);
        try {
            Files.write(partial, body);
            Files.move(partial, folder.resolve(name), StandardCopyOption.ATOMIC_MOVE);
        } catch (IOException exc) {
            Files.deleteIfExists(partial);
            throw exc;
        }
    }

    static void download(String code) {
        String small = code.toLowerCase(Locale.ROOT);
        String line;
        int[] outcome = {0, 0, 0};
        try {
            byte[] body = ask(base + "/" + small + "/" + small + ".gif");
            if (body != null) save(small + ".gif", body);
            outcome[body == null ? 1 : 0] = 1;
            line = code + (body == null ? " not found" : " OK");
        } catch (IOException | RuntimeException exc) {
            outcome[2] = 1;
            line = "*** Error for " + code + ": " + String.valueOf(exc.getMessage()).split("\\R")[0];
        }
        synchronized (Flags2.class) {
            ok += outcome[0];
            notFound += outcome[1];
            errors += outcome[2];
        }
        if (verbose) say(line);
    }

    static String plural(int count) {
        return count == 1 ? "" : "s";
    }

    public static void main(String[] words) throws Exception {
        System.setProperty("http.keepAlive", "false");
        Collection<String> found = parse(words);
        List<String> codes = new ArrayList<>(found).subList(0, Math.min(limit, found.size()));
        String given = System.getenv("FLAGS2_" + label + "_URL");
        base = (given == null || given.isEmpty() ? URLS.get(label) : given).replaceAll("/+$", "");
        String timeout = System.getenv("FLAGS2_TIMEOUT_S");
        if (timeout != null && timeout.matches("[0-9]+(\\.[0-9]*)?")) {
            silenceMs = Math.max(1, (int) (Double.parseDouble(timeout) * 1000));
        }
        int count = codes.size();
        int connections = Math.min(Math.min(wanted, MOST), count);
        String listed = count <= 10
                ? String.join(", ", codes)
                : "from " + codes.get(0) + " to " + codes.get(count - 1);
        say(label + " site: " + base);
        say("Searching for " + count + " flag" + plural(count) + ": " + listed);
        say(connections + " concurrent connection" + plural(connections) + " will be used.");
        long start = System.nanoTime();
        ExecutorService pool = Executors.newFixedThreadPool(connections);
        for (String code : codes) pool.submit(() -> download(code));
        pool.shutdown();
        pool.awaitTermination(1, TimeUnit.DAYS);
        say("-".repeat(20));
        say(ok + " flag" + plural(ok) + " downloaded.");
        if (notFound > 0) say(notFound + " not found.");
        if (errors > 0) say(errors + " error" + plural(errors) + ".");
        say(String.format(Locale.ROOT, "Elapsed time: %.2fs", (System.nanoTime() - start) / 1e9));
    }
}
