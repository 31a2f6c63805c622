package tillstream;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.security.auth.callback.Callback;
import javax.security.auth.callback.UnsupportedCallbackException;
import javax.security.auth.login.AppConfigurationEntry;
import org.apache.kafka.common.security.auth.AuthenticateCallbackHandler;
import org.apache.kafka.common.security.auth.SaslExtensionsCallback;
import org.apache.kafka.common.security.oauthbearer.OAuthBearerToken;
import org.apache.kafka.common.security.oauthbearer.OAuthBearerTokenCallback;

/**
 * Logs a Java client in by the JWT of a file, which is read again each time a token is asked for.
 *
 * Kafka's own handler reads the file once: a stream that lives longer than its token could not log in again. Only the
 * expiry is looked at, to know when to ask again; the broker is who verifies.
 */
public class TokenFileLogin implements AuthenticateCallbackHandler {
    private static final Pattern EXPIRY = Pattern.compile("\"exp\"\\s*:\\s*(\\d+)");
    private Path file;

    @Override
    public void configure(Map<String, ?> configs, String mechanism, List<AppConfigurationEntry> entries) {
        file = Path.of((String) entries.get(0).getOptions().get("tokenFile"));
    }

    @Override
    public void handle(Callback[] callbacks) throws IOException, UnsupportedCallbackException {
        for (Callback callback : callbacks) {
            if (callback instanceof OAuthBearerTokenCallback) {
                ((OAuthBearerTokenCallback) callback).token(read());
            } else if (!(callback instanceof SaslExtensionsCallback)) {
                throw new UnsupportedCallbackException(callback);
            }
        }
    }

    private OAuthBearerToken read() throws IOException {
        String token = Files.readString(file).strip();
        String[] parts = token.split("\\.");
        try {
            String body = new String(Base64.getUrlDecoder().decode(parts[1]), StandardCharsets.UTF_8);
            Matcher expiry = EXPIRY.matcher(body);
            if (expiry.find()) {
                return new Token(token, 1000 * Long.parseLong(expiry.group(1)));
            }
        } catch (ArrayIndexOutOfBoundsException | IllegalArgumentException error) {
            // Not its text: whatever it is, it was meant to be a secret. What follows says it.
        }
        throw new IOException(file + " holds no JWT with an expiry. Nobody was logged in; see who writes that file.");
    }

    @Override
    public void close() {
        // Nothing is held open.
    }

    private static final class Token implements OAuthBearerToken {
        private final String value;
        private final long expiresMs;

        Token(String value, long expiresMs) {
            this.value = value;
            this.expiresMs = expiresMs;
        }

        @Override
        public String value() {
            return value;
        }

        @Override
        public Set<String> scope() {
            return Set.of();
        }

        @Override
        public long lifetimeMs() {
            return expiresMs;
        }

        @Override
        public String principalName() {
            return "";
        }

        @Override
        public Long startTimeMs() {
            return null;
        }
    }
}
