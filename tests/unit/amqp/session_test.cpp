#include "amqp/session.hpp"

#include <gtest/gtest.h>

#include <random>

#include "amqp/codec.hpp"
#include "support/seed.hpp"

namespace baton::amqp::test {
namespace {

using namespace std::chrono_literals;
using Events = std::vector<Session::Event>;

// What the broker's end of the line says.
template <class Method>
std::string says(std::uint16_t channel, amqp_method_number_t id, Method method) {
  return method_frame(channel, id, &method);
}
std::string start() {
  return says(0, AMQP_CONNECTION_START_METHOD,
              amqp_connection_start_t{0, 9, amqp_empty_table, bytes("PLAIN AMQPLAIN"), bytes("en_US")});
}
std::string tune(std::uint16_t heartbeat = 60, std::uint32_t frame_max = 131072) {
  return says(0, AMQP_CONNECTION_TUNE_METHOD, amqp_connection_tune_t{2047, frame_max, heartbeat});
}
std::string open_ok() { return says(0, AMQP_CONNECTION_OPEN_OK_METHOD, amqp_connection_open_ok_t{amqp_empty_bytes}); }
std::string channel_open_ok() { return says(1, AMQP_CHANNEL_OPEN_OK_METHOD, amqp_channel_open_ok_t{amqp_empty_bytes}); }
std::string qos_ok() { return says(1, AMQP_BASIC_QOS_OK_METHOD, amqp_basic_qos_ok_t{}); }
std::string consume_ok(std::string_view tag) {
  return says(1, AMQP_BASIC_CONSUME_OK_METHOD, amqp_basic_consume_ok_t{bytes(tag)});
}
std::string declare_ok(std::string_view name, std::uint32_t messages) {
  return says(1, AMQP_QUEUE_DECLARE_OK_METHOD, amqp_queue_declare_ok_t{bytes(name), messages, 0});
}
std::string channel_close(int code, std::string_view text) {
  return says(1, AMQP_CHANNEL_CLOSE_METHOD, amqp_channel_close_t{static_cast<std::uint16_t>(code), bytes(text), 0, 0});
}
std::string channel_close_ok() { return says(1, AMQP_CHANNEL_CLOSE_OK_METHOD, amqp_channel_close_ok_t{}); }
std::string content(std::string_view body, std::uint32_t frame_max = 131072, const Table& headers = {},
                    std::string_view id = {}) {
  const EncodedTable encoded(headers);
  amqp_basic_properties_t properties{};
  properties._flags = AMQP_BASIC_HEADERS_FLAG | AMQP_BASIC_MESSAGE_ID_FLAG | AMQP_BASIC_CONTENT_TYPE_FLAG;
  properties.headers = encoded.get();
  properties.message_id = bytes(id);
  properties.content_type = bytes("text/plain");
  return content_frames(1, properties, body, frame_max);
}
std::string deliver(std::uint64_t tag, std::string_view consumer = "1") {
  return says(1, AMQP_BASIC_DELIVER_METHOD, amqp_basic_deliver_t{bytes(consumer), tag, 1, bytes("exchange"), bytes("key")});
}

// Names of the frames in what the session sends: methods by their names, others by type.
std::vector<std::string> names(std::string_view output) {
  std::vector<std::string> out;
  if (output.starts_with("AMQP")) {
    out.emplace_back("AMQP");
    output.remove_prefix(8);
  }
  const auto number = [&](std::size_t at, std::size_t size) {
    std::size_t value = 0;
    for (std::size_t i = 0; i < size; ++i) value = value << 8 | static_cast<unsigned char>(output[at + i]);
    return value;
  };
  while (!output.empty()) {
    const auto size = number(3, 4);
    switch (output[0]) {
      case AMQP_FRAME_METHOD: out.emplace_back(amqp_method_name(static_cast<amqp_method_number_t>(number(7, 4)))); break;
      case AMQP_FRAME_HEADER: out.emplace_back("header"); break;
      case AMQP_FRAME_BODY: out.emplace_back("body"); break;
      default: out.emplace_back("heartbeat");
    }
    output.remove_prefix(size + 8);
  }
  return out;
}
using Names = std::vector<std::string>;

// The events, each as a line.
std::string text_of(const Session::Event& event) {
  struct Text {
    std::string operator()(const Session::Opened&) { return "opened"; }
    std::string operator()(const Session::ChannelOpened& e) {
      std::string out = "channel " + std::to_string(e.channel) + " opened";
      for (const auto& queue : e.queues) out += ", " + queue.name + "=" + std::to_string(queue.messages);
      return out;
    }
    std::string operator()(const Session::ChannelClosed& e) { return "channel closed " + std::to_string(e.code) + " " + e.text; }
    std::string operator()(const Session::Delivered& e) {
      return "delivered " + std::to_string(e.delivery.tag) + " '" + e.delivery.body + "'" +
             (e.delivery.truncated ? " truncated" : "");
    }
    std::string operator()(const Session::Confirmed& e) {
      return std::string(e.taken ? "taken " : "not taken ") + (e.multiple ? "up to " : "") + std::to_string(e.tag);
    }
    std::string operator()(const Session::Returned& e) { return "returned " + std::to_string(e.tag) + " " + e.text; }
    std::string operator()(const Session::Blocked& e) { return "blocked " + e.why; }
    std::string operator()(const Session::Unblocked&) { return "unblocked"; }
    std::string operator()(const Session::Closed& e) { return "closed " + std::to_string(e.code); }
  };
  return std::visit(Text(), event);
}

class SessionTest : public testing::Test {
 protected:
  explicit SessionTest(std::size_t body_bytes_max = 1000) {
    session_ = std::make_unique<Session>(Session::Login{.user = "u", .password = "p", .body_bytes_max = body_bytes_max}, now_);
  }
  Names hears(const std::string& input) {
    Names out;
    for (const auto& event : session_->received(input, now_)) out.push_back(text_of(event));
    return out;
  }
  Names sent() { return names(session_->take_output(now_)); }
  void connect() {
    ASSERT_EQ(hears(start() + tune() + open_ok()), Names{"opened"});
    sent();
  }
  void open_consumer() {
    connect();
    session_->open_channel(1, {.declarations = {}, .consumer = Consumer{.queue = "q"}, .prefetch = 1});
    ASSERT_EQ(hears(channel_open_ok() + qos_ok() + consume_ok("1")), Names{"channel 1 opened"});
    sent();
  }
  void open_publisher() {
    connect();
    session_->open_channel(1, {.declarations = {}, .confirms = true, .consumer = {}});
    ASSERT_EQ(hears(channel_open_ok() + says(1, AMQP_CONFIRM_SELECT_OK_METHOD, amqp_confirm_select_ok_t{})),
              Names{"channel 1 opened"});
    sent();
  }

  SteadyTime now_{};
  std::unique_ptr<Session> session_;
};

TEST_F(SessionTest, a_login_goes_step_by_step) {
  EXPECT_EQ(sent(), Names{"AMQP"});
  EXPECT_EQ(hears(start()), Names{});
  EXPECT_EQ(sent(), Names{"AMQP_CONNECTION_START_OK_METHOD"});
  EXPECT_EQ(hears(tune()), Names{});
  EXPECT_EQ(sent(), (Names{"AMQP_CONNECTION_TUNE_OK_METHOD", "AMQP_CONNECTION_OPEN_METHOD"}));
  EXPECT_EQ(hears(open_ok()), Names{"opened"});
  EXPECT_EQ(sent(), Names{});
}

TEST_F(SessionTest, a_refused_login_is_the_end_with_the_words_of_the_broker) {
  hears(start());
  const auto events = session_->received(
      says(0, AMQP_CONNECTION_CLOSE_METHOD, amqp_connection_close_t{403, bytes("ACCESS_REFUSED"), 0, 0}), now_);
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(std::get<Session::Closed>(events[0]).code, 403);
  EXPECT_EQ(std::get<Session::Closed>(events[0]).text, "ACCESS_REFUSED");
}

TEST_F(SessionTest, what_comes_out_of_turn_is_the_end) {
  EXPECT_EQ(hears(tune()), Names{"closed 0"});
  EXPECT_EQ(hears(start()), Names{}) << "nothing comes after the end";
}

TEST_F(SessionTest, a_peer_of_another_protocol_is_the_end) {
  EXPECT_EQ(hears(std::string("AMQP\0\0\x09\x01", 8)), Names{"closed 0"});
}

TEST_F(SessionTest, a_channel_is_open_when_all_of_it_was_answered) {
  connect();
  session_->open_channel(1, {.declarations = {DeclareExchange{.name = "e", .arguments = {}},
                                              DeclareQueue{.name = "", .arguments = {}}, Bind{"", "e", "k"}},
                             .confirms = true,
                             .consumer = Consumer{},
                             .prefetch = 7});
  EXPECT_EQ(sent(),
            (Names{"AMQP_CHANNEL_OPEN_METHOD", "AMQP_CONFIRM_SELECT_METHOD", "AMQP_EXCHANGE_DECLARE_METHOD",
                   "AMQP_QUEUE_DECLARE_METHOD", "AMQP_QUEUE_BIND_METHOD", "AMQP_BASIC_QOS_METHOD", "AMQP_BASIC_CONSUME_METHOD"}));
  EXPECT_EQ(hears(channel_open_ok() + says(1, AMQP_CONFIRM_SELECT_OK_METHOD, amqp_confirm_select_ok_t{}) +
                  says(1, AMQP_EXCHANGE_DECLARE_OK_METHOD, amqp_exchange_declare_ok_t{}) + declare_ok("amq.gen-1", 5) +
                  says(1, AMQP_QUEUE_BIND_OK_METHOD, amqp_queue_bind_ok_t{}) + qos_ok()),
            Names{});
  EXPECT_EQ(hears(consume_ok("1")), Names{"channel 1 opened, amq.gen-1=5"});
}

TEST_F(SessionTest, a_refused_declaration_closes_the_channel_alone) {
  connect();
  session_->open_channel(1, {.declarations = {DeclareQueue{.name = "q", .arguments = {}}}, .consumer = {}});
  sent();
  EXPECT_EQ(hears(channel_open_ok() + channel_close(406, "inequivalent arg")), Names{"channel closed 406 inequivalent arg"});
  EXPECT_EQ(sent(), Names{"AMQP_CHANNEL_CLOSE_OK_METHOD"});
  session_->settle(1, 1, Settle::ack);
  EXPECT_EQ(session_->publish(1, {}), 0u);
  EXPECT_EQ(sent(), Names{}) << "nothing is said on a closed channel";
  session_->open_channel(1, {.declarations = {}, .consumer = {}});
  EXPECT_EQ(hears(channel_open_ok()), Names{"channel 1 opened"});
}

TEST_F(SessionTest, a_cancel_of_the_broker_closes_the_channel) {
  open_consumer();
  EXPECT_EQ(hears(says(1, AMQP_BASIC_CANCEL_METHOD, amqp_basic_cancel_t{bytes("1"), 1})), Names{});
  EXPECT_EQ(sent(), Names{"AMQP_CHANNEL_CLOSE_METHOD"});
  EXPECT_EQ(hears(deliver(1) + content("late")), Names{}) << "what is on its way is the broker's again";
  EXPECT_EQ(hears(channel_close_ok()), Names{"channel closed 0 the broker ended the consumer: queue 'q' is gone"});
}

TEST_F(SessionTest, a_channel_that_both_ends_close_at_once_ends_once) {
  open_consumer();
  session_->close_channel(1);
  EXPECT_EQ(hears(channel_close(404, "gone")), Names{});
  EXPECT_EQ(sent(), (Names{"AMQP_CHANNEL_CLOSE_METHOD", "AMQP_CHANNEL_CLOSE_OK_METHOD"}));
  EXPECT_EQ(hears(channel_close_ok()), Names{"channel closed 200 closed"});
}

TEST_F(SessionTest, a_delivery_is_put_together) {
  open_consumer();
  const Table headers{
      {"x-death", Array{Table{{"count", 3}, {"queue", "q"}}, Table{{"count", 9}}}}, {"flag", true}, {"half", 0.5}};
  const auto events = session_->received(deliver(7) + content("a body in several frames", 16, headers), now_);
  ASSERT_EQ(events.size(), 1u);
  const auto& delivery = std::get<Session::Delivered>(events[0]).delivery;
  EXPECT_EQ(delivery.tag, 7u);
  EXPECT_TRUE(delivery.redelivered);
  EXPECT_EQ(delivery.exchange, "exchange");
  EXPECT_EQ(delivery.routing_key, "key");
  EXPECT_EQ(delivery.content_type, "text/plain");
  EXPECT_EQ(delivery.body, "a body in several frames");
  EXPECT_EQ(death_count(delivery.headers), 3);
  ASSERT_NE(find(delivery.headers, "flag"), nullptr);
  EXPECT_EQ(std::get<bool>(find(delivery.headers, "flag")->is), true);
  EXPECT_EQ(std::get<double>(find(delivery.headers, "half")->is), 0.5);
  EXPECT_EQ(find(delivery.headers, "other"), nullptr);
  EXPECT_EQ(death_count({}), 0);
}

TEST_F(SessionTest, a_delivery_without_a_body_is_one) {
  open_consumer();
  EXPECT_EQ(hears(deliver(7) + content("")), Names{"delivered 7 ''"});
}

class ShortSessionTest : public SessionTest {
 protected:
  ShortSessionTest() : SessionTest(5) {}
};
TEST_F(ShortSessionTest, a_long_delivery_is_truncated) {
  open_consumer();
  EXPECT_EQ(hears(deliver(1) + content("123456789", 12) + deliver(2) + content("12345")),
            (Names{"delivered 1 '12345' truncated", "delivered 2 '12345'"}));
}

TEST_F(SessionTest, the_same_bytes_in_any_pieces_give_the_same_events) {
  const auto seed = baton::test::seed();
  SCOPED_TRACE(baton::test::replay(seed));
  std::mt19937_64 random(seed);
  const auto script = start() + tune() + open_ok();
  const auto more = channel_open_ok() + qos_ok() + consume_ok("1") + deliver(1) + content("some body", 12, {{"h", "v"}}) +
                    deliver(2) + content("") + channel_close(404, "no");
  const Names expected{"opened", "channel 1 opened", "delivered 1 'some body'", "delivered 2 ''", "channel closed 404 no"};
  for (int i = 0; i < 200; ++i) {
    session_ = std::make_unique<Session>(Session::Login{}, now_);
    Names seen;
    const auto feed = [&](std::string_view bytes) {
      while (!bytes.empty()) {
        const auto size = 1 + random() % std::min<std::size_t>(bytes.size(), 1 + random() % 40);
        for (auto& each : hears(std::string(bytes.substr(0, size)))) seen.push_back(each);
        bytes.remove_prefix(size);
      }
    };
    feed(script);
    session_->open_channel(1, {.declarations = {}, .consumer = Consumer{.queue = "q"}, .prefetch = 1});
    feed(more);
    ASSERT_EQ(seen, expected);
  }
}

TEST_F(SessionTest, damaged_bytes_crash_nothing) {
  const auto seed = baton::test::seed();
  SCOPED_TRACE(baton::test::replay(seed));
  std::mt19937_64 random(seed);
  const auto script = start() + tune() + open_ok();
  const auto more =
      channel_open_ok() + qos_ok() + consume_ok("1") + deliver(1) + content("some body", 12, {{"h", Array{1, "v"}}});
  int ended = 0;
  const int cases = baton::test::cases(3000);
  for (int i = 0; i < cases; ++i) {
    session_ = std::make_unique<Session>(Session::Login{}, now_);
    auto damaged = more;
    for (auto hits = 1 + random() % 4; hits > 0; --hits) damaged[random() % damaged.size()] = static_cast<char>(random());
    hears(script);
    session_->open_channel(1, {.declarations = {}, .consumer = Consumer{.queue = "q"}, .prefetch = 1});
    for (const auto& event : hears(damaged)) ended += event == "closed 0";
  }
  EXPECT_GT(ended, 0);
  EXPECT_LT(ended, cases);
}

TEST_F(SessionTest, a_message_that_reaches_no_queue_is_known_by_its_number) {
  open_publisher();
  EXPECT_EQ(session_->publish(1, {.exchange = "e", .routing_key = "", .body = "a", .headers = {}}), 1u);
  EXPECT_EQ(session_->publish(1, {.exchange = "e", .routing_key = "", .body = "", .headers = {{"run", 1}}}), 2u);
  EXPECT_EQ(sent(), (Names{"AMQP_BASIC_PUBLISH_METHOD", "header", "body", "AMQP_BASIC_PUBLISH_METHOD", "header"}));
  EXPECT_EQ(hears(says(1, AMQP_BASIC_RETURN_METHOD, amqp_basic_return_t{312, bytes("NO_ROUTE"), bytes("e"), bytes("")}) +
                  content("", 131072, {}, "2") + says(1, AMQP_BASIC_ACK_METHOD, amqp_basic_ack_t{2, 1}) +
                  says(1, AMQP_BASIC_NACK_METHOD, amqp_basic_nack_t{3, 0, 0})),
            (Names{"returned 2 NO_ROUTE", "taken up to 2", "not taken 3"}));
}

TEST_F(SessionTest, a_long_body_goes_in_frames_of_the_size_that_was_agreed) {
  ASSERT_EQ(hears(start() + tune(60, 4096) + open_ok()), Names{"opened"});
  session_->open_channel(1, {.declarations = {}, .consumer = {}});
  hears(channel_open_ok());
  sent();
  session_->publish(1, {.exchange = "", .routing_key = "q", .body = std::string(10'000, 'x'), .headers = {}});
  EXPECT_EQ(sent(), (Names{"AMQP_BASIC_PUBLISH_METHOD", "header", "body", "body", "body"}));
}

TEST_F(SessionTest, a_consumer_can_pause_and_go_on) {
  open_consumer();
  session_->set_prefetch(1, 1);
  EXPECT_EQ(sent(), Names{}) << "it is that already";
  session_->set_prefetch(1, 3);
  EXPECT_EQ(sent(), Names{"AMQP_BASIC_QOS_METHOD"});
  session_->set_prefetch(1, 0);
  EXPECT_EQ(sent(), Names{"AMQP_BASIC_CANCEL_METHOD"});
  EXPECT_EQ(hears(qos_ok() + deliver(4) + content("on its way") +
                  says(1, AMQP_BASIC_CANCEL_OK_METHOD, amqp_basic_cancel_ok_t{bytes("1")})),
            Names{"delivered 4 'on its way'"});
  session_->settle(1, 4, Settle::requeue);
  session_->set_prefetch(1, 3);
  EXPECT_EQ(sent(), (Names{"AMQP_BASIC_NACK_METHOD", "AMQP_BASIC_CONSUME_METHOD"}));
  EXPECT_EQ(hears(says(1, AMQP_BASIC_CANCEL_METHOD, amqp_basic_cancel_t{bytes("1"), 1})), Names{});
  EXPECT_EQ(sent(), Names{}) << "that was the consumer before";
}

TEST_F(SessionTest, a_block_of_the_broker_is_told) {
  connect();
  EXPECT_EQ(hears(says(0, AMQP_CONNECTION_BLOCKED_METHOD, amqp_connection_blocked_t{bytes("low on memory")}) +
                  says(0, AMQP_CONNECTION_UNBLOCKED_METHOD, amqp_connection_unblocked_t{})),
            (Names{"blocked low on memory", "unblocked"}));
}

TEST_F(SessionTest, an_idle_session_beats_and_a_silent_broker_is_the_end) {
  connect();  // ours: 10 s, theirs 60 s: the lesser holds
  EXPECT_EQ(session_->tick_every(), 2500ms);
  now_ += 4s;
  EXPECT_FALSE(session_->tick(now_));
  EXPECT_EQ(sent(), Names{});
  now_ += 2s;
  EXPECT_FALSE(session_->tick(now_));
  EXPECT_EQ(sent(), Names{"heartbeat"});
  now_ += 10s;
  EXPECT_EQ(hears(frame(AMQP_FRAME_HEARTBEAT, 0, {})), Names{});
  now_ += 19s;
  EXPECT_FALSE(session_->tick(now_));
  now_ += 1s;
  const auto end = session_->tick(now_);
  ASSERT_TRUE(end.has_value());
  EXPECT_EQ(end->code, 0);
  EXPECT_FALSE(session_->tick(now_)) << "it ends once";
}

TEST_F(SessionTest, a_goodbye_is_answered) {
  connect();
  session_->close();
  session_->close();
  EXPECT_EQ(sent(), Names{"AMQP_CONNECTION_CLOSE_METHOD"});
  EXPECT_EQ(hears(says(0, AMQP_CONNECTION_CLOSE_OK_METHOD, amqp_connection_close_ok_t{})), Names{"closed 200"});
}

}  // namespace
}  // namespace baton::amqp::test
