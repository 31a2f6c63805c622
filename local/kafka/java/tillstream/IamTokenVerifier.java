package tillstream;

import java.io.IOException;
import java.io.Reader;
import java.net.URI;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.Base64;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.TreeMap;
import java.util.stream.Collectors;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;
import javax.security.auth.callback.Callback;
import javax.security.auth.callback.UnsupportedCallbackException;
import javax.security.auth.login.AppConfigurationEntry;
import org.apache.kafka.common.security.auth.AuthenticateCallbackHandler;
import org.apache.kafka.common.security.oauthbearer.OAuthBearerExtensionsValidatorCallback;
import org.apache.kafka.common.security.oauthbearer.OAuthBearerValidatorCallback;
import org.apache.kafka.common.security.oauthbearer.internals.secured.BasicOAuthBearerToken;

/**
 * Verifies MSK's IAM tokens as AWS would: a token is a presigned URL, and its signature is computed again.
 *
 * The property `tillstream.iam.keys` names a file of lines `access key = secret, principal`. Policies are not looked at.
 */
public class IamTokenVerifier implements AuthenticateCallbackHandler {
    private static final DateTimeFormatter TIME = DateTimeFormatter.ofPattern("yyyyMMdd'T'HHmmss'Z'").withZone(ZoneOffset.UTC);
    // As AWS allows between two clocks.
    private static final Duration SKEW = Duration.ofMinutes(5);

    @Override
    public void configure(Map<String, ?> configs, String mechanism, List<AppConfigurationEntry> entries) {
        // Keys are read at each log-in.
    }

    @Override
    public void handle(Callback[] callbacks) throws IOException, UnsupportedCallbackException {
        for (Callback each : callbacks) {
            if (each instanceof OAuthBearerExtensionsValidatorCallback) {
                continue;
            }
            if (!(each instanceof OAuthBearerValidatorCallback)) {
                throw new UnsupportedCallbackException(each);
            }
            OAuthBearerValidatorCallback callback = (OAuthBearerValidatorCallback) each;
            try {
                callback.token(verify(callback.tokenValue()));
            } catch (GeneralSecurityException | RuntimeException refused) {
                callback.error("invalid_token", refused.getMessage(), null);
            }
        }
    }

    private static BasicOAuthBearerToken verify(String token) throws IOException, GeneralSecurityException {
        URI url = URI.create(new String(Base64.getUrlDecoder().decode(token), StandardCharsets.UTF_8));
        TreeMap<String, String> raw = new TreeMap<>();
        for (String pair : url.getRawQuery().split("&")) {
            raw.put(pair.substring(0, pair.indexOf('=')), pair.substring(pair.indexOf('=') + 1));
        }
        String signature = raw.remove("X-Amz-Signature");
        raw.remove("User-Agent"); // Added after signing.
        // Access key / date / region / service / aws4_request
        String[] scope = value(raw, "X-Amz-Credential").split("/");
        String time = value(raw, "X-Amz-Date");
        Instant signed = Instant.from(TIME.parse(time)), now = Instant.now();
        Instant expires = signed.plusSeconds(Long.parseLong(value(raw, "X-Amz-Expires")));
        require(value(raw, "Action").equals("kafka-cluster:Connect") && scope[3].equals("kafka-cluster"), "the token is for another action");
        require(url.getHost().equals("kafka." + scope[2] + ".amazonaws.com"), "the token is for another host");
        require(signed.isBefore(now.plus(SKEW)), "the token is signed in the future; set the client's clock");
        require(expires.isAfter(now), "the token is expired; renew it, or set the client's clock");
        Properties keys = new Properties();
        try (Reader reader = Files.newBufferedReader(Path.of(System.getProperty("tillstream.iam.keys")))) {
            keys.load(reader);
        }
        String known = keys.getProperty(scope[0]);
        require(known != null, "the access key is unknown");
        String[] secretAndPrincipal = known.split(",\\s*");
        String query = raw.entrySet().stream().map(pair -> pair.getKey() + "=" + pair.getValue()).collect(Collectors.joining("&"));
        String request = String.join("\n", "GET", "/", query, "host:" + url.getHost(), "", "host", hash(""));
        byte[] key = ("AWS4" + secretAndPrincipal[0]).getBytes(StandardCharsets.UTF_8);
        for (int part = 1; part < scope.length; part++) {
            key = hmac(key, scope[part]);
        }
        String place = String.join("/", List.of(scope).subList(1, scope.length));
        byte[] computed = hmac(key, String.join("\n", "AWS4-HMAC-SHA256", time, place, hash(request)));
        require(MessageDigest.isEqual(computed, HexFormat.of().parseHex(signature)), "the signature is wrong; check the secret key");
        return new BasicOAuthBearerToken(token, java.util.Set.of(), expires.toEpochMilli(), secretAndPrincipal[1], signed.toEpochMilli());
    }

    private static String value(Map<String, String> raw, String name) {
        require(raw.containsKey(name), "the token has no " + name);
        return URLDecoder.decode(raw.get(name), StandardCharsets.UTF_8);
    }

    private static void require(boolean holds, String otherwise) {
        if (!holds) {
            throw new IllegalArgumentException(otherwise);
        }
    }

    private static String hash(String text) throws GeneralSecurityException {
        return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8)));
    }

    private static byte[] hmac(byte[] key, String text) throws GeneralSecurityException {
        Mac mac = Mac.getInstance("HmacSHA256");
        mac.init(new SecretKeySpec(key, "HmacSHA256"));
        return mac.doFinal(text.getBytes(StandardCharsets.UTF_8));
    }

    @Override
    public void close() {
        // Nothing is held open.
    }
}
