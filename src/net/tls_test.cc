#include <gtest/gtest.h>

#include "net/test_net.h"
#include "net/tls_peer.h"
#include "net/tls_test_certs.h"

namespace drover::net {
namespace {

using async::Scope;

struct Secure : RealNet {
  TestCerts certs;

  TlsServerOptions server(const std::string& leaf) {
    TlsServerOptions tls;
    tls.enabled = true;
    tls.cert_file = certs.cert_file(leaf);
    tls.key_file = certs.key_file(leaf);
    return tls;
  }
  DialTarget client(const Endpoint& at, std::string host = "127.0.0.1") {
    DialTarget t = target_of(at);
    t.host = std::move(host);
    t.tls.enabled = true;
    t.tls.ca_file = certs.ca_file();
    return t;
  }
};

Task<Result<std::string>> ask_server(Context ctx, Network* network, Listener* listener,
                                     DialTarget target, std::string text) {
  Scope scope(ctx);
  scope.spawn(echo_server(scope.context(), listener));
  auto answer = co_await ask(ctx, &network->dialer(), target, text);
  listener->close();
  scope.cancel();
  co_await scope.join();
  co_return answer;
}

Result<std::string> ask_tls(Secure& s, const std::string& leaf, std::string host,
                            std::string text = "hello", bool verify = true, bool own_ca = true) {
  TRY(auto listener, s.network->listen(any_port(), s.server(leaf)));
  DialTarget target = s.client(listener->local(), std::move(host));
  target.tls.verify = verify;
  if (!own_ca) target.tls.ca_file.clear();
  return s.loop.run_task(
      ask_server(s.ctx, s.network.get(), listener.get(), target, std::move(text)));
}

TEST(Tls, Echo) {
  Secure s;
  s.certs.add("good", "DNS:localhost,IP:127.0.0.1");
  auto by_ip = ask_tls(s, "good", "127.0.0.1");
  ASSERT_TRUE(by_ip) << by_ip.error().to_string();
  auto by_name = ask_tls(s, "good", "localhost");
  ASSERT_TRUE(by_name) << by_name.error().to_string();
  std::string large(200'000, 'x');
  auto big = ask_tls(s, "good", "localhost", large);
  ASSERT_TRUE(big) << big.error().to_string();
  EXPECT_TRUE(*big == large);
}

void expect_tls_error(const Result<std::string>& r, const std::string& words) {
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().code, Code::kUnavailable);
  EXPECT_EQ(r.error().reason, "tls");
  EXPECT_EQ(r.error().retry, Retry::kOtherTarget);
  EXPECT_NE(r.error().message.find(words), std::string::npos) << r.error().message;
}

TEST(Tls, RefusesWhatItCannotTrustAndSaysWhy) {
  Secure s;
  s.certs.add("good", "DNS:localhost,IP:127.0.0.1");
  s.certs.add("old", "DNS:localhost", -7'200, -3'600);
  s.certs.add("early", "DNS:localhost", 3'600, 7'200);
  s.certs.add("other", "DNS:elsewhere.test,IP:10.1.2.3");
  s.certs.add("common-name-only", "");
  expect_tls_error(ask_tls(s, "old", "localhost"), "certificate has expired");
  expect_tls_error(ask_tls(s, "early", "localhost"), "not yet valid");
  expect_tls_error(ask_tls(s, "other", "localhost"), "host name does not match");
  expect_tls_error(ask_tls(s, "other", "127.0.0.1"), "address does not match");
  expect_tls_error(ask_tls(s, "good", "localhost", "hello", true, false), "local issuer");
  auto unverified = ask_tls(s, "other", "localhost", "hello", /*verify=*/false);
  EXPECT_TRUE(unverified) << unverified.error().to_string();
}

Task<void> answer_http(Context ctx, Listener* listener) {
  auto stream = co_await listener->accept(ctx);
  if (!stream) co_return;
  auto written = co_await (*stream)->write(ctx, "HTTP/1.1 400 Bad Request\r\n\r\n");
  (void)written;
}

Task<Result<std::string>> dial_http(Context ctx, Network* network, Listener* listener,
                                    DialTarget target) {
  Scope scope(ctx);
  scope.spawn(answer_http(scope.context(), listener));
  auto stream = co_await network->dialer().dial(ctx, target);
  co_await scope.join();
  if (!stream) co_return fail(stream.error());
  co_return std::string("connected");
}

TEST(Tls, SaysWhenThePeerSpeaksNoTls) {
  Secure s;
  auto plain = s.network->listen(any_port(), TlsServerOptions());
  ASSERT_TRUE(plain);
  DialTarget target = s.client((*plain)->local());
  expect_tls_error(s.loop.run_task(dial_http(s.ctx, s.network.get(), plain->get(), target)),
                   "does not speak TLS");
}

Task<Result<size_t>> read_some_tls(Context ctx, Stream* stream) {
  std::vector<char> buffer(100);
  co_return co_await stream->read(ctx, buffer);
}

TEST(Tls, APlainClientIsAnErrorOfThatConnectionOnly) {
  Secure s;
  s.certs.add("good", "DNS:localhost,IP:127.0.0.1");
  auto listener = s.network->listen(any_port(), s.server("good"));
  ASSERT_TRUE(listener);
  DialTarget plain = target_of((*listener)->local());
  auto pair = s.loop.run_task(connect_pair(s.ctx, s.network.get(), listener->get(), plain));
  ASSERT_TRUE(pair);
  ASSERT_TRUE(s.loop.run_task(pair->client->write(s.ctx, "GET / HTTP/1.1\r\n\r\n")));
  auto r = s.loop.run_task(read_some_tls(s.ctx, pair->server.get()));
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().reason, "tls");
  EXPECT_NE(r.error().message.find("does not speak TLS"), std::string::npos) << r.error().message;
  EXPECT_FALSE(s.loop.run_task(pair->server->write(s.ctx, "x")));
}

TEST(Tls, AClientThatSaysNothingHoldsNobodyUp) {
  Secure s;
  s.certs.add("good", "DNS:localhost,IP:127.0.0.1");
  auto listener = s.network->listen(any_port(), s.server("good"));
  ASSERT_TRUE(listener);
  DialTarget plain = target_of((*listener)->local());
  auto silent = s.loop.run_task(connect_pair(s.ctx, s.network.get(), listener->get(), plain));
  ASSERT_TRUE(silent);
  auto handshake = s.loop.run_task(silent->server->handshake(s.ctx.with_timeout(20ms)));
  ASSERT_FALSE(handshake);
  EXPECT_EQ(handshake.error().code, Code::kDeadlineExceeded);
  auto r = s.loop.run_task(ask_server(s.ctx, s.network.get(), listener->get(),
                                      s.client((*listener)->local()), "me too"));
  ASSERT_TRUE(r) << r.error().to_string();
}

TEST(Tls, ADialToASilentServerEndsWithItsDeadline) {
  Secure s;
  auto plain = s.network->listen(any_port(), TlsServerOptions());
  ASSERT_TRUE(plain);
  auto r = s.loop.run_task(
      s.network->dialer().dial(s.ctx.with_timeout(30ms), s.client((*plain)->local())));
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().code, Code::kDeadlineExceeded);
  EXPECT_EQ(r.error().reason, "tls");
}

Task<void> shake(Context ctx, Listener* listener, std::unique_ptr<Stream>* out) {
  auto stream = co_await listener->accept(ctx);
  if (!stream) co_return;
  auto done = co_await (*stream)->handshake(ctx);
  if (done) *out = std::move(*stream);
}

Task<Result<Pair>> secure_pair(Context ctx, Network* network, Listener* listener,
                               DialTarget target) {
  Pair pair;
  Scope scope(ctx);
  scope.spawn(shake(scope.context(), listener, &pair.server));
  auto client = co_await network->dialer().dial(ctx, target);
  co_await scope.join();
  if (!client) co_return fail(client.error());
  pair.client = std::move(*client);
  co_return pair;
}

Result<Pair> shaken_pair(Secure& s, std::vector<std::string> alpn) {
  s.certs.add("good", "DNS:localhost,IP:127.0.0.1");
  TRY(auto listener, s.network->listen(any_port(), s.server("good")));
  DialTarget target = s.client(listener->local());
  target.tls.alpn = std::move(alpn);
  return s.loop.run_task(secure_pair(s.ctx, s.network.get(), listener.get(), target));
}

TEST(Tls, NegotiatesAlpnByTheServersOrder) {
  Secure s;
  auto both = shaken_pair(s, {"http/1.1", "h2"});
  ASSERT_TRUE(both) << both.error().to_string();
  EXPECT_EQ(both->client->alpn(), "h2");
  EXPECT_EQ(both->server->alpn(), "h2");
  auto one = shaken_pair(s, {"http/1.1"});
  ASSERT_TRUE(one);
  EXPECT_EQ(one->server->alpn(), "http/1.1");
  auto none = shaken_pair(s, {"gopher"});
  ASSERT_TRUE(none);
  EXPECT_EQ(none->client->alpn(), "");
  EXPECT_TRUE(none->client->is_tls());
}

TEST(Tls, HalfCloseIsAnOrderlyEndAndACutIsNot) {
  Secure s;
  auto pair = shaken_pair(s, {});
  ASSERT_TRUE(pair);
  ASSERT_TRUE(s.loop.run_task(pair->client->write(s.ctx, "question")));
  ASSERT_TRUE(s.loop.run_task(pair->client->shutdown_write(s.ctx)));
  auto all = s.loop.run_task(read_n(s.ctx, pair->server.get(), 1'000));
  ASSERT_TRUE(all) << all.error().to_string();
  EXPECT_EQ(*all, "question");
  ASSERT_TRUE(s.loop.run_task(pair->server->write(s.ctx, "answer")));
  pair->server->close();  // without close_notify
  all = s.loop.run_task(read_n(s.ctx, pair->client.get(), 6));
  ASSERT_TRUE(all);
  EXPECT_EQ(*all, "answer");
  auto cut = s.loop.run_task(read_some_tls(s.ctx, pair->client.get()));
  ASSERT_FALSE(cut);
  EXPECT_EQ(cut.error().code, Code::kUnavailable);
  EXPECT_EQ(cut.error().reason, "reset") << cut.error().to_string();
}

TEST(Tls, CloseEndsAPendingRead) {
  Secure s;
  auto pair = shaken_pair(s, {});
  ASSERT_TRUE(pair);
  s.loop.call_after(10ms, [&] { pair->client.reset(); });
  auto r = s.loop.run_task(read_some_tls(s.ctx, pair->client.get()));
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().code, Code::kCancelled);
}

Task<void> push(Context ctx, Stream* stream, const std::string* data) {
  auto written = co_await stream->write(ctx, *data);
  if (written) written = co_await stream->shutdown_write(ctx);
}

Task<Result<std::string>> both_ways(Context ctx, Pair* pair, const std::string* data) {
  Scope scope(ctx);
  scope.spawn(push(scope.context(), pair->client.get(), data));
  scope.spawn(echo_one(scope.context(), std::move(pair->server)));
  auto all = co_await read_n(ctx, pair->client.get(), SIZE_MAX);
  scope.cancel();
  co_await scope.join();
  co_return all;
}

TEST(Tls, LargeTransfersRunInBothDirectionsAtOnce) {
  Secure s;
  auto pair = shaken_pair(s, {});
  ASSERT_TRUE(pair);
  std::string data(16 << 20, ' ');
  for (size_t i = 0; i < data.size(); ++i) data[i] = static_cast<char>(i * 31 + i / 1'000);
  auto all = s.loop.run_task(both_ways(s.ctx, &*pair, &data));
  ASSERT_TRUE(all) << all.error().to_string();
  EXPECT_TRUE(*all == data);
}

Task<Result<std::string>> key_of_server(Context ctx, Network* network, Listener* listener,
                                        DialTarget target) {
  Scope scope(ctx);
  scope.spawn(echo_server(scope.context(), listener));
  auto stream = co_await network->dialer().dial(ctx, target);
  listener->close();
  scope.cancel();
  co_await scope.join();
  if (!stream) co_return fail(stream.error());
  co_return peer_key(**stream);
}

TEST(Tls, TheKeyOfAPeerIsTheHashOfItsSubjectPublicKeyInfo) {
  Secure s;
  s.certs.add("one", "IP:127.0.0.1");
  s.certs.add("two", "IP:127.0.0.1");
  auto key = [&](const std::string& leaf, bool tls) {
    TlsServerOptions options = tls ? s.server(leaf) : TlsServerOptions();
    auto listener = s.network->listen(any_port(), options);
    DialTarget target = s.client((*listener)->local());
    target.tls.enabled = tls;
    auto got = s.loop.run_task(key_of_server(s.ctx, s.network.get(), listener->get(), target));
    EXPECT_TRUE(got.has_value()) << got.error().to_string();
    return got.value_or("");
  };
  auto expected = [&](const std::string& leaf) {
    FILE* file = std::fopen(s.certs.cert_file(leaf).c_str(), "r");
    X509* certificate = PEM_read_X509(file, nullptr, nullptr, nullptr);
    std::fclose(file);
    unsigned char* der = nullptr;
    const int length = i2d_PUBKEY(X509_get0_pubkey(certificate), &der);
    std::string out(32, '\0');
    EVP_Digest(der, static_cast<size_t>(length), reinterpret_cast<unsigned char*>(out.data()),
               nullptr, EVP_sha256(), nullptr);
    OPENSSL_free(der);
    X509_free(certificate);
    return out;
  };
  EXPECT_EQ(key("one", true), expected("one"));
  EXPECT_EQ(key("two", true), expected("two"));
  EXPECT_NE(expected("one"), expected("two"));
  EXPECT_EQ(key("one", false), "");
}

TEST(Tls, BadFilesAreNamed) {
  Secure s;
  s.certs.add("good", "DNS:localhost");
  s.certs.add("other", "DNS:localhost");
  TlsServerOptions missing = s.server("nowhere");
  auto a = s.network->listen(any_port(), missing);
  ASSERT_FALSE(a);
  EXPECT_NE(a.error().message.find("nowhere.pem"), std::string::npos);
  TlsServerOptions mixed = s.server("good");
  mixed.key_file = s.certs.key_file("other");
  auto b = s.network->listen(any_port(), mixed);
  ASSERT_FALSE(b);
  EXPECT_NE(b.error().message.find("other.key"), std::string::npos);
  DialTarget target = s.client(any_port());
  target.tls.ca_file = "/no/such/bundle.pem";
  auto c = s.loop.run_task(s.network->dialer().dial(s.ctx, target));
  ASSERT_FALSE(c);
  EXPECT_NE(c.error().message.find("/no/such/bundle.pem"), std::string::npos);
}

}  // namespace
}  // namespace drover::net
