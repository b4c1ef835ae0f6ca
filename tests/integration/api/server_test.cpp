#include "api/server.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "unit/api/place.hpp"

namespace baton::api::test {
namespace {

using namespace std::chrono_literals;

constexpr auto token = "0123456789abcdef";

/// A client's end, without any help: bytes out, bytes in.
class Wire {
 public:
  explicit Wire(std::uint16_t port) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in to{.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}, .sin_zero = {}};
    if (::connect(socket_, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) ADD_FAILURE() << "cannot connect";
  }
  ~Wire() { ::close(socket_); }
  Wire(Wire&& other) noexcept : socket_(std::exchange(other.socket_, -1)) {}
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;
  Wire& operator=(Wire&&) = delete;

  void send(std::string_view bytes) {
    while (!bytes.empty()) {
      const auto sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return;  // refused in the middle: the answer says why
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
  }
  /// Waits for bytes; false: the end, or nothing for 20 s.
  bool more() {
    pollfd ready{.fd = socket_, .events = POLLIN, .revents = 0};
    if (::poll(&ready, 1, 20'000) != 1) {
      ADD_FAILURE() << "nothing came; so far: " << text;
      return false;
    }
    std::string block(64 * 1024, '\0');
    const auto got = ::recv(socket_, block.data(), block.size(), 0);
    if (got <= 0) return false;
    text.append(block.data(), static_cast<std::size_t>(got));
    return true;
  }
  /// Until `end` has come; what came up to there is taken away.
  std::string until(std::string_view end) {
    for (;;) {
      if (const auto at = text.find(end); at != std::string::npos) {
        auto part = text.substr(0, at + end.size());
        text.erase(0, at + end.size());
        return part;
      }
      if (!more()) return std::exchange(text, {});
    }
  }
  std::string rest() {
    while (more()) continue;
    return std::exchange(text, {});
  }
  /// One answer with a Content-Length.
  std::string answer() {
    auto head = until("\r\n\r\n");
    const auto at = head.find("Content-Length: ");
    if (at == std::string::npos) return head;
    const auto size = std::stoul(head.substr(at + 16));
    while (text.size() < size && more()) continue;
    head += text.substr(0, size);
    text.erase(0, size);
    return head;
  }
  std::string text;

 private:
  int socket_;
};

std::string get(const std::string& target, const std::string& more = {}) {
  return "GET " + target + " HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer " + token + "\r\n" + more + "\r\n";
}
std::string post(const std::string& target, const std::string& body) {
  return "POST " + target + " HTTP/1.1\r\nHost: localhost:1\r\nAuthorization: bearer " + token +
         "\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}
std::string status_of_answer(const std::string& answer) { return answer.substr(0, std::min<std::size_t>(answer.size(), 12)); }

awaitable<Answer> ask_place(Place& place, Call call) {
  if (call.path.front() == "throws") throw std::runtime_error("a bug");
  auto answered = co_await answer(place, std::move(call));
  co_return answered;
}

/// A server on a thread of its own.
class Running {
 public:
  explicit Running(ServerOptions options = {}, WatchOptions watching = {})
      : watcher(house.runtime, house.store, watching),
        place{.runtime = house.runtime,
              .store = house.store,
              .files = house.files,
              .wakeups = house.wakeups,
              .watcher = watcher,
              .host = {},
              .data = {house.folder.path()},
              .state = house.folder.path()},
        server(house.runtime.io().get_executor(), house.runtime, with_token(options),
               [this](Call call) { return ask_place(place, std::move(call)); }) {
    const auto listening = server.listen();
    EXPECT_TRUE(listening) << listening.error().what;
    thread_ = std::thread([this] { house.runtime.run(serve_both(house.runtime, server, watcher)); });
  }
  ~Running() { stop(); }
  void stop() {
    if (!thread_.joinable()) return;
    boost::asio::post(house.runtime.io(), [this] {
      server.stop();
      watcher.stop();
    });
    thread_.join();
  }
  /// On the server's thread.
  void on_loop(std::function<void()> act) { boost::asio::post(house.runtime.io(), std::move(act)); }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;
  [[nodiscard]] Wire connect() const { return Wire(server.port()); }
  std::string ask(const std::string& request) const {
    auto wire = connect();
    wire.send(request);
    return wire.answer();
  }

  House house;
  Watcher watcher;
  Place place;
  Server server;

 private:
  static ServerOptions with_token(ServerOptions options) {
    options.token = token;
    return options;
  }
  static awaitable<void> serve_both(Runtime& runtime, Server& server, Watcher& watcher) {
    auto gate = runtime.gate();
    gate->spawn(server.serve());
    gate->spawn(watcher.serve());
    co_await gate->empty();
  }
  std::thread thread_;
};

TEST(Listening, any_address_but_the_loopback_is_refused) {
  AsioRuntime runtime;
  for (const auto* host : {"0.0.0.0", "::", "10.1.2.3", "example.org", "", "192.168.0.1", "::ffff:10.0.0.1"}) {
    Server server(runtime.io().get_executor(), runtime, {.host = host, .token = token}, {});
    const auto listening = server.listen();
    ASSERT_FALSE(listening) << host;
    EXPECT_EQ(listening.error().code, "api.not_loopback") << host;
  }
  Server open(runtime.io().get_executor(), runtime, {}, {});
  EXPECT_EQ(open.listen().error().code, "api.no_token");
}

TEST(Listening, a_port_in_use_is_told) {
  AsioRuntime runtime;
  Server first(runtime.io().get_executor(), runtime, {.host = "localhost", .token = token}, {});
  ASSERT_TRUE(first.listen());
  Server second(runtime.io().get_executor(), runtime, {.host = "127.0.0.1", .port = first.port(), .token = token}, {});
  EXPECT_EQ(second.listen().error().code, "api.listen");
}

TEST(Entry, without_the_token_nothing_but_the_health_is_told) {
  const Running running;
  const std::string host = "Host: 127.0.0.1\r\n";
  for (const auto& header :
       {std::string(), std::string("Authorization: Bearer wrong\r\n"), std::string("Authorization: Bearer\r\n"),
        std::string("Authorization: Basic ") + token + "\r\n", std::string("Authorization: ") + token + "\r\n",
        std::string("Authorization: Bearer ") + token + "0\r\n"}) {
    for (const auto* target : {"/v2/quarantine", "/metrics", "/nothing", "/healthz/x"}) {
      const auto answer = running.ask("GET " + std::string(target) + " HTTP/1.1\r\n" + host + header + "\r\n");
      EXPECT_EQ(status_of_answer(answer), "HTTP/1.1 401") << header << answer;
      EXPECT_NE(answer.find("auth.refused"), std::string::npos);
    }
  }
  EXPECT_EQ(status_of_answer(running.ask("GET /healthz HTTP/1.1\r\n" + host + "\r\n")), "HTTP/1.1 200");
  EXPECT_EQ(status_of_answer(running.ask("GET /readyz HTTP/1.1\r\n" + host + "\r\n")), "HTTP/1.1 200");
  EXPECT_EQ(status_of_answer(running.ask(get("/metrics"))), "HTTP/1.1 200");
}

TEST(Entry, a_browser_led_here_is_refused_even_with_the_token) {
  const Running running;
  const std::string bearer = std::string("Authorization: Bearer ") + token + "\r\n";
  EXPECT_EQ(status_of_answer(running.ask("GET /metrics HTTP/1.1\r\nHost: evil.example\r\n" + bearer + "\r\n")), "HTTP/1.1 403");
  EXPECT_EQ(status_of_answer(running.ask("GET /metrics HTTP/1.1\r\n" + bearer + "\r\n")), "HTTP/1.1 403");
  EXPECT_EQ(status_of_answer(running.ask("GET /healthz HTTP/1.1\r\nHost: evil.example\r\n\r\n")), "HTTP/1.1 403");
  EXPECT_EQ(status_of_answer(running.ask(get("/metrics", "Origin: http://127.0.0.1\r\n"))), "HTTP/1.1 403");
  EXPECT_EQ(status_of_answer(running.ask("GET /metrics HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n" + bearer + "\r\n")),
            "HTTP/1.1 403");
}

TEST(Limits, a_body_that_is_too_big_is_not_read) {
  const Running running({.body_bytes_max = 1000});
  auto told = running.connect();
  told.send("POST /v2/computations HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + std::string(token) +
            "\r\nContent-Length: 1001\r\n\r\n");
  EXPECT_EQ(status_of_answer(told.answer()), "HTTP/1.1 413");
  auto untold = running.connect();
  untold.send("POST /v2/computations HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + std::string(token) +
              "\r\nTransfer-Encoding: chunked\r\n\r\n800\r\n" + std::string(0x800, 'x') + "\r\n0\r\n\r\n");
  EXPECT_EQ(status_of_answer(untold.answer()), "HTTP/1.1 413");
}

TEST(Limits, a_header_that_is_too_big_is_refused) {
  const Running running({.header_bytes_max = 2000});
  EXPECT_EQ(status_of_answer(running.ask(get("/metrics", "X: " + std::string(3000, 'x') + "\r\n"))), "HTTP/1.1 431");
  EXPECT_EQ(status_of_answer(running.ask(get("/" + std::string(3000, 'x')))), "HTTP/1.1 431");
  EXPECT_EQ(status_of_answer(running.ask(get("/metrics", "X: " + std::string(100, 'x') + "\r\n"))), "HTTP/1.1 200");
}

TEST(Limits, who_sends_his_header_or_body_too_slowly_is_let_go) {
  const Running running({.idle = 300ms, .header = 200ms, .body = 200ms});
  auto header = running.connect();
  header.send("GET /metrics HT");
  EXPECT_EQ(header.rest(), "");
  auto body = running.connect();
  body.send("POST /v2/computations HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + std::string(token) +
            "\r\nContent-Length: 10\r\n\r\n{");
  EXPECT_EQ(body.rest(), "");
  EXPECT_EQ(running.connect().rest(), "") << "who says nothing";
}

TEST(Limits, what_is_no_http_is_told_so) {
  const Running running;
  EXPECT_EQ(status_of_answer(running.ask("hello\r\n\r\n")), "HTTP/1.1 400");
  EXPECT_EQ(status_of_answer(running.ask(get("/%zz"))), "HTTP/1.1 400");
  EXPECT_EQ(status_of_answer(running.ask("GET metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")), "HTTP/1.1 400");
}

TEST(Connections, requests_follow_each_other_also_before_they_are_answered) {
  const Running running;
  auto wire = running.connect();
  for (int i = 0; i < 3; ++i) {
    wire.send(get("/metrics"));
    EXPECT_EQ(status_of_answer(wire.answer()), "HTTP/1.1 200");
  }
  wire.send(get("/healthz") + get("/v2/nothing") + post("/v2/computations", "{}") + get("/readyz", "Connection: close\r\n"));
  EXPECT_EQ(status_of_answer(wire.answer()), "HTTP/1.1 200");
  EXPECT_EQ(status_of_answer(wire.answer()), "HTTP/1.1 404");
  EXPECT_EQ(status_of_answer(wire.answer()), "HTTP/1.1 422");
  EXPECT_EQ(status_of_answer(wire.answer()), "HTTP/1.1 200");
  EXPECT_EQ(wire.rest(), "");
}

TEST(Connections, a_bug_costs_its_request_and_nothing_else) {
  const Running running;
  auto wire = running.connect();
  wire.send(get("/throws") + get("/healthz"));
  EXPECT_EQ(status_of_answer(wire.answer()), "HTTP/1.1 500");
  EXPECT_EQ(status_of_answer(wire.answer()), "HTTP/1.1 200");
}

TEST(Connections, who_waits_for_a_word_before_the_body_gets_it) {
  const Running running;
  auto wire = running.connect();
  wire.send("POST /v2/computations HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + std::string(token) +
            "\r\nContent-Type: application/json\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(wire.until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  wire.send("{}");
  EXPECT_EQ(status_of_answer(wire.answer()), "HTTP/1.1 422");
}

TEST(Connections, many_are_served_and_more_are_sent_away) {
  const Running running({.connections_max = 200});
  std::vector<Wire> wires;
  for (int i = 0; i < 200; ++i) {
    wires.push_back(running.connect());
    wires.back().send(get("/healthz"));
  }
  for (auto& wire : wires) ASSERT_EQ(status_of_answer(wire.answer()), "HTTP/1.1 200");

  EXPECT_EQ(status_of_answer(running.connect().rest()), "HTTP/1.1 503");
  wires.pop_back();
  const auto deadline = std::chrono::steady_clock::now() + 20s;
  std::string answer;
  while (status_of_answer(answer) != "HTTP/1.1 200" && std::chrono::steady_clock::now() < deadline)
    answer = running.ask(get("/healthz"));
  EXPECT_EQ(status_of_answer(answer), "HTTP/1.1 200");
}

TEST(Connections, a_stop_leaves_nobody_waiting) {
  Running running;
  auto idle = running.connect();
  idle.send(get("/healthz"));
  ASSERT_EQ(status_of_answer(idle.answer()), "HTTP/1.1 200");
  running.stop();
  EXPECT_EQ(idle.rest(), "");
}

class Streams : public testing::Test {
 protected:
  void SetUp() override {
    const json project{{"user_id", 1}, {"name", "p"}, {"pipeline", two_steps}, {"file", "/p.yaml"}};
    auto put = post(std::string("/v2/projects/") + project_id, project.dump());
    put.replace(0, 4, "PUT");
    ASSERT_EQ(status_of_answer(running.ask(put)), "HTTP/1.1 200");
    const json start{{"user_id", 1}, {"project_id", project_id}, {"start_pipeline", true}, {"collection_run_id", start_id}};
    ASSERT_EQ(status_of_answer(running.ask(post("/v2/computations", start.dump()))), "HTTP/1.1 201");
  }
  Wire open(const std::string& last = {}) const {
    auto wire = running.connect();
    wire.send(get(House::at("/events?user_id=1"), last.empty() ? "" : "Last-Event-ID: " + last + "\r\n"));
    return wire;
  }
  static awaitable<void> stop_it(House& house) {
    const auto stopped = co_await house.store.desire(House::run(), core::Desire::cancel);
    EXPECT_TRUE(stopped);
    BeginPass begin{.run = House::run(), .replica = ReplicaId("r")};
    auto ticket = co_await house.store.begin_pass(std::move(begin));
    core::Decision decision{.result = core::State::aborted, .ended = ticket->now};
    for (auto task : ticket->tasks) {
      task.state = core::State::aborted;
      decision.tasks.push_back(task);
    }
    const auto committed = co_await house.store.commit(std::move(*ticket), std::move(decision));
    EXPECT_TRUE(committed);
  }
  void end_it() {
    running.on_loop([this] { gate_->spawn(stop_it(running.house)); });
    running.on_loop([this] { running.watcher.changed(House::run()); });
  }
  Running running;

 private:
  std::unique_ptr<Gate> gate_ = running.house.runtime.gate();
};

TEST_F(Streams, a_run_is_followed_to_its_end_and_resumed_by_its_last_id) {
  auto wire = open();
  EXPECT_NE(wire.until("\r\n\r\n").find("Content-Type: text/event-stream"), std::string::npos);
  const auto snapshot = wire.until("\n\n") + wire.until("\n\n");
  EXPECT_NE(snapshot.find("event: run\n"), std::string::npos) << snapshot;
  EXPECT_NE(snapshot.find("id: 1:0\n"), std::string::npos) << snapshot;

  auto again = open("1:0");
  again.until("\n\n");
  end_it();

  const auto rest = wire.rest();
  EXPECT_NE(rest.find("\"state\":\"ABORTED\""), std::string::npos) << rest;
  EXPECT_NE(rest.find("event: end\nid: 1:1\n"), std::string::npos) << rest;
  EXPECT_TRUE(rest.ends_with("\r\n0\r\n\r\n")) << rest;
  EXPECT_NE(again.rest().find("event: end\n"), std::string::npos);
}

TEST_F(Streams, a_reader_of_the_old_protocol_gets_plain_text) {
  auto wire = running.connect();
  wire.send("GET " + House::at("/events?user_id=1") + " HTTP/1.0\r\nHost: localhost\r\nAuthorization: Bearer " + token +
            "\r\n\r\n");
  wire.until("\r\n\r\n");
  EXPECT_TRUE(wire.until("\n\n").starts_with("event: run\n"));
}

TEST_F(Streams, a_reader_that_leaves_is_forgotten_at_once) {
  {
    auto wire = open();
    wire.until("event: tasks");
  }
  const auto deadline = std::chrono::steady_clock::now() + 5s;  // a comment would be written after 10 s only
  std::atomic<std::size_t> left = 1;
  while (left != 0 && std::chrono::steady_clock::now() < deadline) {
    std::atomic<bool> seen = false;
    running.on_loop([&] {
      left = running.watcher.subscribers();
      seen = true;
    });
    while (!seen) std::this_thread::yield();
  }
  EXPECT_EQ(left, 0U);
}

TEST_F(Streams, a_stop_ends_them) {
  auto wire = open();
  wire.until("event: tasks");
  running.stop();
  wire.rest();
  SUCCEED();
}

}  // namespace
}  // namespace baton::api::test
