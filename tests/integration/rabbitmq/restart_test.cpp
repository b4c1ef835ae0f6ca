/// A broker of its own, that can be killed, paused and starved.
#include <signal.h>
#include <stdlib.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "fixture.hpp"

namespace baton::test {
namespace {

using Seen = std::vector<std::string>;

// Started once for the suite: a broker takes seconds.
class OwnBrokerTest : public RabbitTest {
 public:
  static void SetUpTestSuite() {
    if (!servers_are_told() || setting("BATON_NO_SERVERS") == "1") return;
    std::string pattern = (std::filesystem::temp_directory_path() / "baton-broker-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder() = pattern;
    ASSERT_EQ(services("start"), "");
    std::istringstream lines(services("env", ""));
    for (std::string line; std::getline(lines, line);) {
      const auto equals = line.find('=');
      const std::string name = line.substr(0, equals), value = line.substr(equals + 1);
      if (name == "export RABBIT_PORT") own().port = static_cast<std::uint16_t>(std::stoi(value));
      if (name == "export RABBIT_USER") own().user = value;
      if (name == "export RABBIT_PASSWORD") own().password = value;
    }
    ASSERT_NE(own().port, 0);
  }
  static void TearDownTestSuite() {
    if (folder().empty()) return;
    services("kill");
    std::filesystem::remove_all(folder());
  }
  void SetUp() override {
    RabbitTest::SetUp();
    if (is_up_) broker_ = own();
  }
  // What it prints; `start` prints nothing that a test needs, so its words are those of an error.
  static std::string services(const std::string& verb, const std::string& server = "rabbitmq") {
    return output_of(std::string(BATON_SOURCE_DIR) + "/scripts/services " + verb + " " + server + " --dir " + folder() +
                     (verb == "env" ? "" : " 2>&1 >/dev/null"));
  }
  static std::string output_of(const std::string& command) {
    std::string out;
    std::FILE* pipe = ::popen(command.c_str(), "r");
    EXPECT_NE(pipe, nullptr);
    std::array<char, 4096> piece{};
    while (const auto size = std::fread(piece.data(), 1, piece.size(), pipe)) out.append(piece.data(), size);
    ::pclose(pipe);
    return out;
  }
  // While the loop goes on.
  awaitable<std::string> services_beside(std::string verb) {
    std::string out;
    co_await runtime_.blocking(Runtime::Lane::files, [&] { out = services(verb); });
    co_return out;
  }
  awaitable<std::string> control_beside(std::string arguments) {
    std::string out;
    const auto epmd = services_setting("rabbitmq_epmd");
    co_await runtime_.blocking(Runtime::Lane::files, [&] {
      out = output_of("HOME=" + folder() + "/rabbitmq LC_ALL=C.UTF-8 RABBITMQ_CONF_ENV_FILE=/dev/null ERL_EPMD_PORT=" + epmd +
                      " /usr/lib/rabbitmq/bin/rabbitmqctl -q -n baton" + std::to_string(own().port) + "@localhost " + arguments +
                      " 2>&1");
    });
    co_return out;
  }
  static std::string services_setting(const std::string& name) {
    std::ostringstream text;
    text << std::ifstream(folder() + "/settings.json").rdbuf();
    const auto all = text.str();
    const auto at = all.find("\"" + name + "\": ");
    return at == std::string::npos ? "" : std::to_string(std::stoi(all.substr(at + name.size() + 4)));
  }
  static ::pid_t pid() {
    ::pid_t out = 0;
    std::ifstream(folder() + "/rabbitmq/pid") >> out;
    return out;
  }

 private:
  static std::string& folder() {
    static std::string path;
    return path;
  }
  static amqp::Endpoint& own() {
    static amqp::Endpoint endpoint{.port = 0};
    return endpoint;
  }
};

TEST_F(OwnBrokerTest, a_broker_that_was_killed_has_its_messages_when_it_is_back_and_nobody_has_to_ask) {
  drive_as<OwnBrokerTest>([](OwnBrokerTest& test) -> awaitable<void> {
    auto options = test.options();
    options.publish_limit = 1s;
    const auto queue = test.queue(options);
    const auto published = co_await queue->publish({run(1), run(2), run(3)});
    EXPECT_TRUE(published.has_value());
    const auto held = co_await queue->receive();
    const auto killed = co_await test.services_beside("kill");
    EXPECT_EQ(killed, "");
    const bool told = co_await test.eventually([&] { return queue->held() == 0 && !queue->is_consuming(); });
    EXPECT_TRUE(told);
    co_await queue->ack(*held);  // of a channel that has gone
    const auto away = co_await queue->publish({run(4)});
    EXPECT_EQ(away.error().code, "queue.unavailable");
    EXPECT_NE(queue->state().find("connecting"), std::string::npos) << queue->state();

    Seen seen;
    const auto gate = test.runtime_.gate();
    for (int i = 0; i < 3; ++i) gate->spawn(receive(*queue, seen));
    const auto started = co_await test.services_beside("start");
    EXPECT_EQ(started, "");
    co_await gate->empty();
    std::ranges::sort(seen);
    EXPECT_EQ(seen, (Seen{"1", "2", "3"}));
    EXPECT_GE(queue->reconnects(), 1u);
    const bool both = co_await test.eventually([&] { return queue->state() == "connected"; });
    EXPECT_TRUE(both);
    co_await queue->stop(5s);
  });
}

TEST_F(OwnBrokerTest, a_broker_short_of_memory_lets_publishers_wait_and_consumers_go_on) {
  drive_as<OwnBrokerTest>([](OwnBrokerTest& test) -> awaitable<void> {
    auto options = test.options();
    options.publish_limit = 1500ms;
    const auto queue = test.queue(options);
    const auto published = co_await queue->publish({run(1), run(2)});
    EXPECT_TRUE(published.has_value());
    const auto starved = co_await test.control_beside("set_vm_memory_high_watermark absolute 1");
    EXPECT_EQ(starved.find("rror"), std::string::npos) << starved;

    // The first to publish is the one that is told.
    bool refused = false;
    for (int i = 0; i < 20 && !refused; ++i) {
      const auto blocked = co_await queue->publish({run(3)});
      refused = !blocked.has_value();
      if (refused) EXPECT_EQ(blocked.error().code, "queue.unavailable");
    }
    EXPECT_TRUE(refused);
    EXPECT_NE(queue->state().find("blocked"), std::string::npos) << queue->state();
    Seen seen;
    co_await receive(*queue, seen);
    co_await receive(*queue, seen);
    EXPECT_EQ(seen, (Seen{"1", "2"}));

    const auto fed = co_await test.control_beside("set_vm_memory_high_watermark 0.4");
    EXPECT_EQ(fed.find("rror"), std::string::npos) << fed;
    const bool free = co_await test.eventually([&] { return queue->state() == "connected"; });
    EXPECT_TRUE(free);
    const auto again = co_await queue->publish({run(4)});
    EXPECT_TRUE(again.has_value());
    co_await queue->stop(5s);
  });
}

TEST_F(OwnBrokerTest, a_broker_that_falls_silent_is_given_up) {
  drive_as<OwnBrokerTest>([](OwnBrokerTest& test) -> awaitable<void> {
    auto options = test.options();
    options.heartbeat = 1s;
    const auto queue = test.queue(options);
    const auto published = co_await queue->publish({run(1)});
    EXPECT_TRUE(published.has_value());
    EXPECT_EQ(::kill(pid(), SIGSTOP), 0);
    const bool told = co_await test.eventually([&] { return test.was_told("queue.unavailable"); });
    EXPECT_EQ(::kill(pid(), SIGCONT), 0);
    EXPECT_TRUE(told);
    EXPECT_NE(test.troubles_.front().what.find("silent"), std::string::npos) << test.troubles_.front().what;
    Seen seen;
    co_await receive(*queue, seen);
    EXPECT_EQ(seen, Seen{"1"});
    co_await queue->stop(5s);
  });
}

}  // namespace
}  // namespace baton::test
