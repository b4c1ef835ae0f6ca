#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <set>

#include "lock/redis/redis_lock.hpp"
#include "own_server.hpp"
#include "runtime/asio/asio_runtime.hpp"

namespace baton::test {
namespace {

using namespace std::chrono_literals;
using redis::Reply;

constexpr auto patience = 10s;  // of the test, for what happens in its own time

// A server, and three ways to it: two replicas, and a look behind the scenes.
class RedisLocks : public testing::Test {
 public:
  explicit RedisLocks(std::vector<std::string> server_words = {}) : server_(std::move(server_words)) {}
  void SetUp() override { server_.start(); }

  [[nodiscard]] RedisLockOptions options(std::string replica) {
    RedisLockOptions options{.server = {.db = 1}, .replica = std::move(replica)};
    options.server.port = server_.port();
    options.server.retry_max = 200ms;
    options.trouble = [this](const Error& error) { troubles_.push_back(error); };
    options.recovered = [this] { ++recoveries_; };
    return options;
  }
  [[nodiscard]] std::unique_ptr<RedisLock> replica(RedisLockOptions with) {
    return std::make_unique<RedisLock>(runtime_, runtime_.io().get_executor(), std::move(with));
  }
  [[nodiscard]] std::unique_ptr<redis::Connection> connection(std::int32_t db = 1) {
    return std::make_unique<redis::Connection>(runtime_.io().get_executor(),
                                               redis::ConnectionOptions{.port = server_.port(), .db = db});
  }
  template <class Body>
  void drive(Body body) {
    runtime_.run(body(*this));
  }
  /// Asks until it gets it, or `patience` is over.
  static awaitable<Result<Lease>> acquire_soon(RedisLocks& test, RedisLock& lock, std::string name) {
    const auto deadline = test.runtime_.steady() + patience;
    for (;;) {
      auto lease = co_await lock.acquire(name, 1h);
      if (lease || test.runtime_.steady() > deadline) co_return lease;
      co_await test.runtime_.sleep(5ms);
    }
  }
  static awaitable<void> acquire_into(RedisLock& lock, std::string name, std::vector<Result<Lease>>& into) {
    auto lease = co_await lock.acquire(name, 1h);
    into.push_back(std::move(lease));
  }
  static awaitable<void> wait_into(RedisLocks& test, RedisLock& lock, std::string name, core::Duration& waited) {
    const auto before = test.runtime_.steady();
    co_await lock.until_free(name, 1h);
    waited = test.runtime_.steady() - before;
  }
  /// Until the server says `text` when it is asked with `words`.
  static awaitable<void> until_said(RedisLocks& test, redis::Connection& behind, std::vector<std::string> words,
                                    std::string text) {
    const auto deadline = test.runtime_.steady() + patience;
    for (;;) {
      const auto said = co_await behind.command(words);
      const auto heard = !said ? said.error().what : said->items.empty() ? said->text : said->items.front().text;
      if (heard.find(text) != std::string::npos) co_return;
      EXPECT_LT(test.runtime_.steady(), deadline) << "last heard: " << heard;
      if (test.runtime_.steady() > deadline) co_return;
      co_await test.runtime_.sleep(2ms);
    }
  }
  /// Until one waits for `name`: has subscribed, and then looked at the key.
  static awaitable<void> waited_for(RedisLocks& test, redis::Connection& behind, std::string name) {
    co_await until_said(test, behind, {"PUBSUB", "CHANNELS"}, name);
    co_await until_said(test, behind, {"INFO", "commandstats"}, "cmdstat_pttl:");
  }

  OwnServer server_;
  AsioRuntime runtime_;
  std::vector<Error> troubles_;
  int recoveries_ = 0;
};

TEST_F(RedisLocks, are_keys_of_db_1_that_say_whose_they_are_and_end_by_themselves) {
  drive([](RedisLocks& test) -> awaitable<void> {
    const auto lock = test.replica(test.options("replica-a"));
    const auto behind = test.connection();
    const auto lease = co_await lock->acquire("x", 10s);
    EXPECT_TRUE(lease->token.starts_with("replica-a:"));
    const auto value = co_await behind->command({"GET", "x"});
    EXPECT_EQ(value->text, lease->token);
    const auto life = co_await behind->command({"PTTL", "x"});
    EXPECT_GT(life->integer, 5'000);
    EXPECT_LE(life->integer, 10'000);
    EXPECT_TRUE(lock->is_up());
  });
}

// C 10.7 names no lock; RL-1 and MG-3 of the catalogue do: of N in parallel one gets it, N-1 are refused, and it can be had again.
TEST_F(RedisLocks, of_fifty_at_once_one_gets_the_name) {
  drive([](RedisLocks& test) -> awaitable<void> {
    const auto one = test.replica(test.options("a"));
    const auto two = test.replica(test.options("b"));
    std::vector<Result<Lease>> answers;
    const auto gate = test.runtime_.gate();
    for (int i = 0; i < 25; ++i) {
      gate->spawn(acquire_into(*one, "x", answers));
      gate->spawn(acquire_into(*two, "x", answers));
    }
    co_await gate->empty();
    std::string token;
    for (const auto& each : answers) {
      if (each) token += each->token;
    }
    int refused = 0;
    for (const auto& each : answers) {
      if (!each && each.error().code == "lock.held" && each.error().where == token) ++refused;
    }
    EXPECT_EQ(refused, 49);
    EXPECT_EQ(one->counts().acquired + two->counts().acquired, 1u);
    EXPECT_EQ(one->counts().held + two->counts().held, 49u);
    co_await two->release({"x", token, {}});
    const auto again = co_await one->acquire("x", 1h);
    EXPECT_TRUE(again.has_value());
  });
}

TEST_F(RedisLocks, of_different_names_are_taken_by_fifty_at_once_over_one_connection) {
  drive([](RedisLocks& test) -> awaitable<void> {
    const auto lock = test.replica(test.options("a"));
    const auto behind = test.connection();
    std::vector<Result<Lease>> answers;
    const auto gate = test.runtime_.gate();
    for (int i = 0; i < 50; ++i) gate->spawn(acquire_into(*lock, "x" + std::to_string(i), answers));
    co_await gate->empty();
    std::set<std::string> tokens;
    for (const auto& each : answers) {
      EXPECT_TRUE(each.has_value());
      if (!each) continue;
      const auto value = co_await behind->command({"GET", each->name});
      EXPECT_EQ(value->text, each->token);
      tokens.insert(each->token);
    }
    EXPECT_EQ(tokens.size(), 50u);
  });
}

// RL-1: deleted underneath.
TEST_F(RedisLocks, that_are_deleted_or_over_are_lost_at_the_next_renewal) {
  drive([](RedisLocks& test) -> awaitable<void> {
    const auto lock = test.replica(test.options("a"));
    const auto behind = test.connection();
    const auto deleted = co_await lock->acquire("x", 1h);
    const auto gone = co_await behind->command({"DEL", "x"});
    EXPECT_EQ(gone->integer, 1);
    const auto lost = co_await lock->renew(*deleted, 1h);
    EXPECT_EQ(lost.error().code, "lock.lost");

    const auto short_one = co_await lock->acquire("y", 20ms);
    const auto deadline = test.runtime_.steady() + patience;
    for (;;) {
      const auto there = co_await behind->command({"EXISTS", "y"});
      if (there->integer == 0 || test.runtime_.steady() > deadline) break;
      co_await test.runtime_.sleep(2ms);
    }
    const auto over = co_await lock->renew(*short_one, 1h);
    EXPECT_EQ(over.error().code, "lock.lost");
    EXPECT_EQ(lock->counts().lost, 2u);
    EXPECT_TRUE(test.troubles_.empty());
  });
}

TEST_F(RedisLocks, work_on_after_the_server_was_killed_and_started_again) {
  drive([](RedisLocks& test) -> awaitable<void> {
    const auto lock = test.replica(test.options("a"));
    const auto before = co_await lock->acquire("x", 1h);
    EXPECT_TRUE(before.has_value());
    test.server_.kill();
    const auto asked = test.runtime_.steady();
    for (int i = 0; i < 20; ++i) {
      const auto refused = co_await lock->acquire("y", 1h);
      EXPECT_EQ(refused.error().code, "lock.unavailable");
    }
    EXPECT_LT(test.runtime_.steady() - asked, 900ms);  // less than one time-out for all of them
    EXPECT_FALSE(lock->is_up());

    test.server_.start();
    const auto after = co_await acquire_soon(test, *lock, "y");  // the scripts are unknown to it
    EXPECT_TRUE(after.has_value());
    EXPECT_TRUE(lock->is_up());
    const auto lost = co_await lock->renew(*before, 1h);  // nothing is kept on disk
    EXPECT_EQ(lost.error().code, "lock.lost");
    EXPECT_EQ(test.troubles_.size(), 1u);
    EXPECT_EQ(test.recoveries_, 1);
    EXPECT_EQ(lock->counts().outages, 1u);
  });
}

TEST_F(RedisLocks, without_a_server_are_unavailable_at_once_and_come_with_it) {
  server_.kill();
  drive([](RedisLocks& test) -> awaitable<void> {
    const auto lock = test.replica(test.options("a"));
    const auto asked = test.runtime_.steady();
    std::vector<Result<Lease>> answers;
    const auto gate = test.runtime_.gate();
    for (int i = 0; i < 50; ++i) gate->spawn(acquire_into(*lock, "x", answers));
    co_await gate->empty();
    for (const auto& each : answers) EXPECT_EQ(each.error().code, "lock.unavailable");
    core::Duration waited{};
    co_await wait_into(test, *lock, "x", waited);
    EXPECT_GE(waited, 200ms);  // who goes on asking does not do so in a circle
    EXPECT_LT(test.runtime_.steady() - asked, 5s);
    test.server_.start();
    const auto lease = co_await acquire_soon(test, *lock, "x");
    EXPECT_TRUE(lease.has_value());
    EXPECT_EQ(test.troubles_.size(), 1u);
  });
}

TEST_F(RedisLocks, of_a_server_that_hangs_are_unavailable_within_the_time_out) {
  drive([](RedisLocks& test) -> awaitable<void> {
    const auto lock = test.replica(test.options("a"));
    const auto mine = co_await lock->acquire("mine", 1h);
    EXPECT_TRUE(mine.has_value());
    test.server_.pause();
    const auto asked = test.runtime_.steady();
    std::vector<Result<Lease>> answers;
    const auto gate = test.runtime_.gate();
    for (int i = 0; i < 20; ++i) gate->spawn(acquire_into(*lock, "x", answers));
    const auto renewed = co_await lock->renew(*mine, 1h);
    EXPECT_EQ(renewed.error().code, "lock.unavailable");
    co_await gate->empty();
    for (const auto& each : answers) EXPECT_EQ(each.error().code, "lock.unavailable");
    const auto took = test.runtime_.steady() - asked;
    EXPECT_GE(took, 900ms);
    EXPECT_LT(took, 1900ms);  // 1 s of time-out, on a busy machine
    const auto then = test.runtime_.steady();
    const auto next = co_await lock->acquire("y", 1h);
    EXPECT_EQ(next.error().code, "lock.unavailable");
    EXPECT_LT(test.runtime_.steady() - then, 500ms);
    test.server_.resume();
    const auto after = co_await acquire_soon(test, *lock, "y");
    EXPECT_TRUE(after.has_value());
    const auto still = co_await lock->renew(*mine, 1h);
    EXPECT_TRUE(still.has_value());
  });
}

// The server takes the question from its socket when it goes on, long after nobody waits for the answer.
TEST_F(RedisLocks, that_were_acquired_without_an_answer_do_not_stay_until_they_end) {
  drive([](RedisLocks& test) -> awaitable<void> {
    auto hasty = test.options("a");
    hasty.server.time_out = 100ms;
    const auto lock = test.replica(std::move(hasty));
    const auto other = test.replica(test.options("b"));
    const auto first = co_await lock->acquire("first", 1h);  // the connection is there, the script is known
    EXPECT_TRUE(first.has_value());
    test.server_.pause();
    const auto unanswered = co_await lock->acquire("x", 1h);
    EXPECT_EQ(unanswered.error().code, "lock.unavailable");
    test.server_.resume();
    const auto lease = co_await acquire_soon(test, *other, "x");
    EXPECT_TRUE(lease.has_value());
  });
}

TEST_F(RedisLocks, that_were_released_while_the_server_was_away_are_free_when_it_is_back) {
  drive([](RedisLocks& test) -> awaitable<void> {
    auto hasty = test.options("a");
    hasty.server.time_out = 100ms;
    const auto lock = test.replica(std::move(hasty));
    const auto other = test.replica(test.options("b"));
    const auto lease = co_await lock->acquire("x", 1h);
    EXPECT_TRUE(lease.has_value());
    test.server_.pause();
    const auto unanswered = co_await lock->acquire("y", 1h);
    EXPECT_EQ(unanswered.error().code, "lock.unavailable");
    co_await lock->release(*lease);  // known to be away: it is not even sent
    test.server_.resume();
    const auto next = co_await acquire_soon(test, *other, "x");
    EXPECT_TRUE(next.has_value());
  });
}

TEST_F(RedisLocks, that_are_freed_are_heard_of_at_once) {
  drive([](RedisLocks& test) -> awaitable<void> {
    auto patient = test.options("b");
    patient.look_every = 1h;
    const auto lock = test.replica(test.options("a"));
    const auto other = test.replica(std::move(patient));
    const auto behind = test.connection();
    const auto lease = co_await lock->acquire("x", 1h);
    core::Duration waited{};
    const auto gate = test.runtime_.gate();
    gate->spawn(wait_into(test, *other, "x", waited));
    co_await waited_for(test, *behind, "x");
    co_await lock->release(*lease);
    co_await gate->empty();
    EXPECT_LT(waited, patience);
  });
}

TEST_F(RedisLocks, that_somebody_frees_without_a_word_are_found_by_looking) {
  drive([](RedisLocks& test) -> awaitable<void> {
    const auto lock = test.replica(test.options("a"));
    const auto other = test.replica(test.options("b"));
    const auto behind = test.connection();
    const auto lease = co_await lock->acquire("x", 1h);
    EXPECT_TRUE(lease.has_value());
    core::Duration waited{};
    const auto gate = test.runtime_.gate();
    gate->spawn(wait_into(test, *other, "x", waited));
    co_await waited_for(test, *behind, "x");
    const auto gone = co_await behind->command({"DEL", "x"});
    EXPECT_EQ(gone->integer, 1);
    co_await gate->empty();
    EXPECT_LT(waited, patience);
  });
}

TEST_F(RedisLocks, are_waited_for_although_the_subscription_was_lost) {
  drive([](RedisLocks& test) -> awaitable<void> {
    auto patient = test.options("b");
    patient.look_every = 500ms;
    const auto lock = test.replica(test.options("a"));
    const auto other = test.replica(std::move(patient));
    const auto behind = test.connection();
    const auto lease = co_await lock->acquire("x", 1h);
    core::Duration waited{};
    const auto gate = test.runtime_.gate();
    gate->spawn(wait_into(test, *other, "x", waited));
    co_await waited_for(test, *behind, "x");
    const auto killed = co_await behind->command({"CLIENT", "KILL", "TYPE", "pubsub"});
    EXPECT_EQ(killed->integer, 1);
    co_await waited_for(test, *behind, "x");  // by itself, at the next look
    EXPECT_EQ(waited, 0ms);
    co_await lock->release(*lease);
    co_await gate->empty();
    EXPECT_LT(waited, patience);
    const auto channels = co_await behind->command({"PUBSUB", "CHANNELS", "*"});
    EXPECT_TRUE(channels->items.empty());  // nobody waits, nobody listens
  });
}

TEST_F(RedisLocks, are_not_disturbed_by_a_server_that_forgets_the_scripts) {
  drive([](RedisLocks& test) -> awaitable<void> {
    const auto lock = test.replica(test.options("a"));
    const auto behind = test.connection();
    const auto lease = co_await lock->acquire("x", 1h);
    const auto flushed = co_await behind->command({"SCRIPT", "FLUSH"});
    EXPECT_EQ(flushed->text, "OK");
    const auto renewed = co_await lock->renew(*lease, 1h);
    EXPECT_TRUE(renewed.has_value());
    co_await lock->release(*renewed);
    const auto next = co_await lock->acquire("x", 1h);
    EXPECT_TRUE(next.has_value());
    EXPECT_TRUE(test.troubles_.empty());
  });
}

TEST_F(RedisLocks, on_a_key_that_is_no_lock_are_unavailable) {
  drive([](RedisLocks& test) -> awaitable<void> {
    const auto lock = test.replica(test.options("a"));
    const auto behind = test.connection();
    const auto pushed = co_await behind->command({"LPUSH", "x", "1"});
    EXPECT_EQ(pushed->integer, 1);
    const auto refused = co_await lock->acquire("x", 1h);
    EXPECT_EQ(refused.error().code, "lock.unavailable");
    EXPECT_NE(refused.error().what.find("WRONGTYPE"), std::string::npos) << refused.error().what;
  });
}

class RedisWithPassword : public RedisLocks {
 public:
  RedisWithPassword() : RedisLocks({"--requirepass", "secret", "--user", "baton", "on", ">word", "~*", "&nothing", "+@all"}) {}
};

TEST_F(RedisWithPassword, who_does_not_know_it_is_told_so) {
  drive([](RedisLocks& test) -> awaitable<void> {
    auto wrong = test.options("a");
    wrong.server.password = "guess";
    const auto lock = test.replica(std::move(wrong));
    const auto refused = co_await lock->acquire("x", 1h);
    EXPECT_EQ(refused.error().code, "lock.unavailable");
    EXPECT_NE(refused.error().what.find("refused AUTH"), std::string::npos) << refused.error().what;
    EXPECT_EQ(refused.error().what.find("guess"), std::string::npos);
    const auto silent = test.replica(test.options("a"));
    const auto unknown = co_await silent->acquire("x", 1h);
    EXPECT_NE(unknown.error().what.find("NOAUTH"), std::string::npos) << unknown.error().what;
  });
}

TEST_F(RedisWithPassword, who_knows_it_is_let_in_also_as_a_user_who_may_neither_publish_nor_subscribe) {
  drive([](RedisLocks& test) -> awaitable<void> {
    auto right = test.options("a");
    right.server.password = "secret";
    const auto lock = test.replica(right);
    auto as_user = test.options("b");
    as_user.server.user = "baton";
    as_user.server.password = "word";
    const auto other = test.replica(as_user);
    const auto lease = co_await other->acquire("x", 1h);
    EXPECT_TRUE(lease.has_value());
    core::Duration waited{}, waited_deaf{};
    const auto gate = test.runtime_.gate();
    gate->spawn(wait_into(test, *lock, "x", waited));
    gate->spawn(wait_into(test, *other, "x", waited_deaf));
    co_await other->release(*lease);
    co_await gate->empty();
    EXPECT_LT(waited, patience);
    EXPECT_LT(waited_deaf, patience);
    EXPECT_TRUE(test.troubles_.empty());
  });
}

// Many ask over one connection: each gets its own answer.
awaitable<void> echo(redis::Connection& connection, std::string word, int& right) {
  const auto reply = co_await connection.command({"ECHO", word});
  if (reply && reply->text == word) ++right;
}

TEST_F(RedisLocks, share_a_connection_whose_replies_come_to_those_who_asked) {
  drive([](RedisLocks& test) -> awaitable<void> {
    const auto connection = test.connection();
    int right = 0;
    const auto gate = test.runtime_.gate();
    for (int i = 0; i < 2000; ++i) {
      gate->spawn(echo(*connection, std::string(static_cast<std::size_t>(i % 97), 'x') + std::to_string(i), right));
      if (i % 3 == 0) connection->tell({"ECHO", "nobody"});
    }
    co_await gate->empty();
    EXPECT_EQ(right, 2000);
    EXPECT_EQ(connection->connects(), 1u);
  });
}

TEST_F(RedisLocks, a_connection_takes_no_more_commands_than_its_bound) {
  drive([](RedisLocks& test) -> awaitable<void> {
    redis::ConnectionOptions narrow{.port = test.server_.port()};
    narrow.waiting_max = 10;
    const auto connection = std::make_unique<redis::Connection>(test.runtime_.io().get_executor(), narrow);
    int right = 0;
    const auto gate = test.runtime_.gate();
    for (int i = 0; i < 30; ++i) gate->spawn(echo(*connection, std::to_string(i), right));
    co_await gate->empty();
    EXPECT_EQ(right, 10);
    co_await echo(*connection, "again", right);
    EXPECT_EQ(right, 11);
  });
}

TEST_F(RedisLocks, a_silent_server_is_noticed_without_a_question) {
  drive([](RedisLocks& test) -> awaitable<void> {
    redis::ConnectionOptions options{.port = test.server_.port()};
    options.ping_every = 50ms;
    options.time_out = 200ms;
    const auto connection = std::make_unique<redis::Connection>(test.runtime_.io().get_executor(), options);
    const auto pong = co_await connection->command({"PING"});
    EXPECT_EQ(pong->text, "PONG");
    test.server_.pause();
    const auto deadline = test.runtime_.steady() + patience;
    while (connection->is_up() && test.runtime_.steady() < deadline) co_await test.runtime_.sleep(5ms);
    EXPECT_FALSE(connection->is_up());
    test.server_.resume();
    while (!connection->is_up() && test.runtime_.steady() < deadline) co_await test.runtime_.sleep(5ms);
    EXPECT_TRUE(connection->is_up());
    EXPECT_GE(connection->connects(), 2u);
  });
}

// What waits when a connection goes is answered, and what runs beside it ends: nothing hangs, nothing is touched afterwards.
awaitable<void> ask_into(redis::Connection& connection, std::string& code) {
  const auto reply = co_await connection.command({"BLPOP", "nothing", "0"});
  code = reply ? "answered" : reply.error().code;
}

TEST_F(RedisLocks, a_connection_that_is_closed_answers_who_waits) {
  drive([](RedisLocks& test) -> awaitable<void> {
    const auto behind = test.connection();
    auto connection = test.connection();
    const auto pong = co_await connection->command({"PING"});
    EXPECT_TRUE(pong.has_value());
    std::string code;
    const auto gate = test.runtime_.gate();
    gate->spawn(ask_into(*connection, code));
    co_await until_said(test, *behind, {"CLIENT", "LIST"}, "cmd=blpop");
    EXPECT_EQ(code, "");
    connection.reset();
    co_await gate->empty();
    EXPECT_EQ(code, "redis.unanswered");
  });
  runtime_.run();  // returns: no coroutine of the connection is left
}

}  // namespace
}  // namespace baton::test
