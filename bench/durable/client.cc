// The load of bench/durable: sessions of the three-step workflow, N at once, each on a keep-alive
// connection of its own that begins the next session when one is over. One thread, epoll; every
// answer is checked, and the first wrong one ends the run with exit code 1.
//
//   bench_durable_client drover  PORT SESSIONS SECONDS LOOK_US KEY  4 requests a session (queues)
//   bench_durable_client bare    PORT SESSIONS SECONDS LOOK_US      4 of the same sizes (bare.cc)
//   bench_durable_client restate PORT SESSIONS SECONDS LOOK_US      1 request a session (ingress)
//
// LOOK_US is how long it looks for an answer before it sleeps: 0 is what a client of every day
// does. Above that its own being woken, which on a virtual machine costs tens of microseconds an
// answer, is not in the times.
//
// One JSON object goes to standard output. Times of a session run from its first request to its
// last answer. It links nothing of Drover: what it measures cannot lean on it.

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;
using std::string_view;

constexpr int kSteps = 3;
constexpr size_t kResultBytes = 240;
constexpr size_t kResultKinds = 1024;
constexpr size_t kReceiveBytes = 64 * 1024;
constexpr size_t kSamples = 16;
constexpr int kAnswerWaitMs = 10'000;

[[noreturn]] void die(const std::string& why) {
  std::fprintf(stderr, "bench_durable_client: %s\n", why.c_str());
  std::exit(1);
}

int whole_number(string_view text, string_view what, int least = 1) {
  int value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < least) {
    die(std::string(what) + " must be a whole number: " + std::string(text));
  }
  return value;
}

/// The text of a member, from `after` on; empty if it is not there. The texts asked for here hold
/// no escapes.
string_view text_of(string_view json, string_view member, string_view after = {}) {
  size_t from = after.empty() ? 0 : json.find(after);
  if (from == string_view::npos) return {};
  const std::string name = "\"" + std::string(member) + "\":\"";
  size_t begin = json.find(name, from);
  if (begin == string_view::npos) return {};
  begin += name.size();
  return json.substr(begin, json.find('"', begin) - begin);
}

/// Results that do not compress, so that no journal gets away with less.
std::vector<std::string> make_results() {
  static constexpr string_view kLetters =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::mt19937 random(7);
  std::vector<std::string> out(kResultKinds, std::string(kResultBytes, ' '));
  for (std::string& text : out) {
    for (char& c : text) c = kLetters[random() % kLetters.size()];
  }
  return out;
}

std::string request(string_view path, string_view key, string_view body) {
  std::string out = "POST " + std::string(path) + " HTTP/1.1\r\nhost: 127.0.0.1\r\n";
  if (!key.empty()) out += "authorization: Bearer " + std::string(key) + "\r\n";
  out += "content-type: application/json\r\ncontent-length: " + std::to_string(body.size());
  return out + "\r\n\r\n" + std::string(body);
}

/// What one system is asked for: the requests of a session, and what their answers must say.
class Workflow {
 public:
  virtual ~Workflow() = default;
  virtual std::string begin() = 0;
  /// The next request, or nothing when the session is over.
  virtual std::string next(int status, string_view body) = 0;
  /// Id of the session that was last begun, where the system has one.
  virtual string_view session() const { return {}; }
};

class DroverWorkflow : public Workflow {
 public:
  DroverWorkflow(int number, std::string key, const std::vector<std::string>* results)
      : key_(std::move(key)), results_(results) {
    result_ = static_cast<size_t>(number);
  }

  std::string begin() override {
    step_ = 1;
    session_.clear();
    return request("/v1/sessions", key_,
                   R"({"agent":"bench","plan":)" + plan() + R"(,"lease":{"lease_ms":30000}})");
  }

  std::string next(int status, string_view body) override {
    if (status != (step_ == 1 ? 201 : 200)) bad(status, body);
    string_view item = "\"next\":{";
    if (session_.empty()) {
      session_ = text_of(body, "id");
      item = "\"work\":{";
    } else if (body.find("\"accepted\":true") == string_view::npos) {
      bad(status, body);
    }
    if (step_ > kSteps) return {};
    if (session_.empty() || text_of(body, "session", item) != session_ ||
        text_of(body, "kind", item) != "tool_call" || text_of(body, "name", item) != step_name()) {
      bad(status, body);
    }
    const std::string path = "/v1/work/" + std::string(text_of(body, "lease", item)) + "/result";
    ++step_;
    std::string answer = R"({"content":")" + (*results_)[result_++ % kResultKinds];
    answer += R"(","plan":)" + plan() + (step_ <= kSteps ? R"(,"next":true})" : "}");
    return request(path, key_, answer);
  }

  string_view session() const override { return session_; }

 private:
  std::string step_name() const { return "step-" + std::to_string(step_); }
  std::string plan() const {
    if (step_ > kSteps) return R"({"effects":[{"kind":"end","result":"done"}]})";
    return R"({"effects":[{"kind":"tool_call","name":")" + step_name() + R"(","arguments":{}}]})";
  }
  [[noreturn]] void bad(int status, string_view body) const {
    die("step " + std::to_string(step_) + " of " + session_ + " was answered with " +
        std::to_string(status) + " " + std::string(body));
  }

  std::string key_, session_;
  const std::vector<std::string>* results_;
  size_t result_ = 0;
  int step_ = 1;
};

/// Requests of the sizes that Drover is sent, to a server that reads no answer out of them
/// (bare.cc).
class BareWorkflow : public Workflow {
 public:
  explicit BareWorkflow(const std::vector<std::string>* results) : results_(results) {}

  std::string begin() override {
    step_ = 0;
    return request("/v1/sessions", kKey, std::string(kBeginBytes, 'x'));
  }
  std::string next(int status, string_view body) override {
    if (status != 200) die("the bare server answered with " + std::string(body));
    if (step_++ == kSteps) return {};
    return request(kPath, kKey,
                   (*results_)[result_++ % kResultKinds] + std::string(kPlanBytes, 'x'));
  }

 private:
  static constexpr string_view kKey = "drv_00000000000000000000000000000000000000000000";
  static constexpr string_view kPath = "/v1/work/lease_00000000000000000000000000/result";
  static constexpr size_t kBeginBytes = 130;
  static constexpr size_t kPlanBytes = 110;
  const std::vector<std::string>* results_;
  size_t result_ = 0;
  int step_ = 0;
};

class RestateWorkflow : public Workflow {
 public:
  std::string begin() override { return request("/bench/three", {}, "{}"); }
  std::string next(int status, string_view body) override {
    if (status != 200 || body != std::to_string(kSteps * kResultBytes)) {
      die("restate answered with " + std::to_string(status) + " " + std::string(body));
    }
    return {};
  }
};

/// One keep-alive connection with at most one request under way.
class Connection {
 public:
  explicit Connection(int port) : port_(port) { connect(); }
  ~Connection() { ::close(fd_); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  int fd() const { return fd_; }

  void send(string_view bytes) {
    while (!bytes.empty()) {
      ssize_t n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n < 0) die(std::string("send: ") + std::strerror(errno));
      bytes.remove_prefix(static_cast<size_t>(n));
    }
  }

  /// True when a whole answer is there: its status and body stay until the next call.
  bool receive() {
    char bytes[kReceiveBytes];
    ssize_t n = ::recv(fd_, bytes, sizeof bytes, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return false;
    if (n <= 0) die("the server closed a connection with a request under way");
    if (done_) in_.clear();
    in_.append(bytes, static_cast<size_t>(n));
    done_ = parse();
    return done_;
  }

  int status() const { return status_; }
  string_view body() const { return string_view(in_).substr(in_.size() - body_bytes_); }

 private:
  void connect() {
    fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(port_));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
      die("connect to port " + std::to_string(port_) + ": " + std::strerror(errno));
    }
    int on = 1;
    ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }

  bool parse() {
    const size_t head = in_.find("\r\n\r\n");
    if (head == std::string::npos) return false;
    for (size_t i = 0; i < head; ++i) {
      in_[i] = static_cast<char>(std::tolower(static_cast<unsigned char>(in_[i])));
    }
    const string_view lines = string_view(in_).substr(0, head + 2);
    const size_t length = lines.find("\r\ncontent-length:");
    if (lines.size() < 12 || length == string_view::npos)
      die("no HTTP answer with a length: " + in_);
    if (lines.find("\r\nconnection: close") != string_view::npos) die("the server ends keep-alive");
    status_ = std::atoi(in_.c_str() + 9);
    body_bytes_ = static_cast<size_t>(std::atoi(in_.c_str() + length + 17));
    return in_.size() >= head + 4 + body_bytes_;
  }

  int port_, fd_ = -1, status_ = 0;
  size_t body_bytes_ = 0;
  bool done_ = false;
  std::string in_;
};

struct Load {
  std::unique_ptr<Workflow> workflow;
  std::unique_ptr<Connection> connection;
  Clock::time_point started;
};

double cpu_s() {
  rusage use = {};
  ::getrusage(RUSAGE_SELF, &use);
  auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
  };
  return seconds(use.ru_utime) + seconds(use.ru_stime);
}

double at(std::vector<double>& sorted, double q) {
  std::sort(sorted.begin(), sorted.end());
  return sorted[static_cast<size_t>(q * static_cast<double>(sorted.size() - 1))];
}

void begin(Load& load) {
  load.started = Clock::now();
  load.connection->send(load.workflow->begin());
}

/// Waits for answers; looks for so long before it sleeps.
int wait_for_answers(int poll, epoll_event* events, int most, std::chrono::microseconds look) {
  if (look.count() > 0) {
    const auto until = Clock::now() + look;
    do {
      if (const int n = ::epoll_wait(poll, events, most, 0); n != 0) return n;
    } while (Clock::now() < until);
  }
  return ::epoll_wait(poll, events, most, kAnswerWaitMs);
}

/// Sessions are begun until the time is up; the wall time ends with the last one's end.
void run(std::vector<Load>& loads, int seconds, std::chrono::microseconds look) {
  const int poll = ::epoll_create1(EPOLL_CLOEXEC);
  std::vector<double> times_ms;
  std::vector<std::string> ended;
  const auto start = Clock::now();
  const auto stop = start + std::chrono::seconds(seconds);
  for (size_t i = 0; i < loads.size(); ++i) {
    epoll_event event = {};
    event.events = EPOLLIN;
    event.data.u64 = i;
    ::epoll_ctl(poll, EPOLL_CTL_ADD, loads[i].connection->fd(), &event);
    begin(loads[i]);
  }
  size_t open = loads.size();
  auto last = start;
  while (open > 0) {
    epoll_event events[256];
    const int n = wait_for_answers(poll, events, 256, look);
    if (n == 0) die("no answer for " + std::to_string(kAnswerWaitMs) + " ms");
    for (int i = 0; i < n; ++i) {
      Load& load = loads[events[i].data.u64];
      if (!load.connection->receive()) continue;
      std::string more = load.workflow->next(load.connection->status(), load.connection->body());
      if (!more.empty()) {
        load.connection->send(more);
        continue;
      }
      last = Clock::now();
      times_ms.push_back(std::chrono::duration<double, std::milli>(last - load.started).count());
      ended.emplace_back(load.workflow->session());
      if (last < stop) {
        begin(load);
      } else {
        --open;
      }
    }
  }
  ::close(poll);
  std::string sample;
  for (size_t i = 0; i < std::min(kSamples, ended.size()); ++i) {
    const std::string& id = ended[i * ended.size() / kSamples];
    if (!id.empty()) sample += (sample.empty() ? "\"" : ",\"") + id + "\"";
  }
  std::printf(
      R"({"sessions":%zu,"wall_s":%.6f,"p50_ms":%.4f,"p99_ms":%.4f,"client_cpu_s":%.3f,"sample":[%s]})"
      "\n",
      times_ms.size(), std::chrono::duration<double>(last - start).count(), at(times_ms, 0.5),
      at(times_ms, 0.99), cpu_s(), sample.c_str());
}

int main_of(const std::vector<std::string>& arguments) {
  const bool drover = arguments.size() == 6 && arguments[0] == "drover";
  const bool bare = arguments.size() == 5 && arguments[0] == "bare";
  if (!drover && !bare && !(arguments.size() == 5 && arguments[0] == "restate")) {
    die("usage: drover PORT SESSIONS SECONDS LOOK_US KEY | "
        "(bare | restate) PORT SESSIONS SECONDS LOOK_US");
  }
  const int port = whole_number(arguments[1], "PORT");
  const int sessions = whole_number(arguments[2], "SESSIONS");
  const std::vector<std::string> results = make_results();
  std::vector<Load> loads(static_cast<size_t>(sessions));
  for (int i = 0; i < sessions; ++i) {
    Load& load = loads[static_cast<size_t>(i)];
    if (drover) {
      load.workflow = std::make_unique<DroverWorkflow>(i, arguments[5], &results);
    } else if (bare) {
      load.workflow = std::make_unique<BareWorkflow>(&results);
    } else {
      load.workflow = std::make_unique<RestateWorkflow>();
    }
    load.connection = std::make_unique<Connection>(port);
  }
  run(loads, whole_number(arguments[3], "SECONDS"),
      std::chrono::microseconds(whole_number(arguments[4], "LOOK_US", 0)));
  return 0;
}

}  // namespace

int main(int argc, char** argv) { return main_of(std::vector<std::string>(argv + 1, argv + argc)); }
