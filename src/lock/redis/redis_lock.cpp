#include "lock/redis/redis_lock.hpp"

#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <deque>
#include <map>
#include <string_view>
#include <utility>
#include <vector>

#include "core/mutants.hpp"

namespace baton {
namespace {

using redis::Reply;
using namespace std::chrono_literals;

constexpr std::size_t owed_max = 1024;  // releases that Redis does not know of yet; what is dropped ends with its lease

std::string sha1_text(std::string_view text) {
  std::array<unsigned char, SHA_DIGEST_LENGTH> digest{};
  SHA1(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
  std::string hex;
  for (const auto byte : digest) {
    hex += "0123456789abcdef"[byte >> 4];
    hex += "0123456789abcdef"[byte & 15];
  }
  return hex;
}

// KEYS[1] = the name, ARGV[1] = the token. Known to the server by its digest, as long as that has not forgotten it.
struct Script {
  explicit Script(std::string_view a_text) : text(a_text), digest(sha1_text(a_text)) {}
  std::string text;
  std::string digest;
};

// Not SET NX GET: the reference runs on a Redis 6.2, which takes one of the two only.
const Script& acquire_script() {
  static const Script script(
      "local holder = redis.call('GET', KEYS[1]) "
      "if holder then return holder end "
      "redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2]) "
      "return false");
  return script;
}
const Script& renew_script() {
  static const Script script(
      "local holder = redis.call('GET', KEYS[1]) "
      "if holder == ARGV[1] then return redis.call('PEXPIRE', KEYS[1], ARGV[2]) end "
      "return holder");
  return script;
}
// pcall: a user who may not publish on this channel releases all the same.
const Script& release_script() {
  static const Script script(
      "if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end "
      "redis.call('DEL', KEYS[1]) "
      "redis.pcall('PUBLISH', ARGV[2], '') "
      "return 1");
  return script;
}

constexpr std::string_view channel_prefix = "baton.freed:";
std::string channel_of(const std::string& name) { return std::string(channel_prefix) + name; }

// Rounded up: the key lives at least as long as its lease is trusted.
std::string life_text(core::Duration life) {
  return std::to_string(std::max<std::int64_t>(1, std::chrono::ceil<std::chrono::milliseconds>(life).count()));
}

// One who waits for a name; lives in its coroutine's frame.
struct Waiter {
  std::unique_ptr<Event> event;
  bool heard = false;  // subscribed on the present connection
};

}  // namespace

struct RedisLock::State {
  State(Runtime& a_runtime, const boost::asio::any_io_executor& executor, RedisLockOptions some_options)
      : runtime(a_runtime),
        options(std::move(some_options)),
        commands(executor, options.server,
                 {.up = [this] { came(); }, .down = [this](const Error& error) { went(error); }, .published = {}}),
        news(executor, options.server,
             {.up = [] {},
              .down = [this](const Error&) { nothing_is_heard(); },
              .published = [this](const std::string& channel, const std::string&) { freed(channel); }}) {}

  struct Owed {
    std::string name, token;
  };
  Runtime& runtime;
  RedisLockOptions options;
  RedisLockCounts counts;
  bool away = false;
  std::deque<Owed> owed;
  std::map<std::string, std::vector<Waiter*>> waiters;  // by name
  redis::Connection commands;
  redis::Connection news;  // what was freed: a subscribed connection takes no other command

  void went(const Error& error) {
    if (std::exchange(away, true)) return;
    ++counts.outages;
    options.trouble(unavailable(error));
  }
  void answers() {
    if (std::exchange(away, false)) options.recovered();
  }
  void came() {
    answers();
    for (const auto& [name, token] : std::exchange(owed, {})) {
      commands.tell({"EVAL", release_script().text, "1", name, token, channel_of(name)});
    }
  }
  void owe(std::string name, std::string token) {
    if (owed.size() == owed_max) owed.pop_front();
    owed.push_back({std::move(name), std::move(token)});
  }
  void freed(std::string_view channel) {
    if (!channel.starts_with(channel_prefix)) return;
    const auto found = waiters.find(std::string(channel.substr(channel_prefix.size())));
    if (found == waiters.end()) return;
    for (auto* waiter : found->second) waiter->event->notify();
  }
  void nothing_is_heard() {
    for (const auto& [name, of_it] : waiters) {
      for (auto* waiter : of_it) waiter->heard = false;
    }
  }

  static Error unavailable(const Error& error) {
    return {.code = "lock.unavailable",
            .what = error.what,
            .where = error.where,
            .way_out = "passes go on under the fence of the database alone; see REDIS_HOST and REDIS_PORT"};
  }
  Error refused(const Reply& reply) {
    const auto said = reply.kind == Reply::Kind::error ? reply.text : "an answer of another kind than expected";
    const auto place = options.server.host + ":" + std::to_string(options.server.port);
    auto error = unavailable({.code = {}, .what = "Redis: " + said, .where = place, .way_out = {}});
    ++counts.unavailable;
    went(error);
    return error;
  }

  static awaitable<Result<Reply>> run(std::shared_ptr<State> state, const Script* script, std::vector<std::string> words);
};

/// @param words  the name, then what the script takes
/// Errors: as Connection::command.
awaitable<Result<Reply>> RedisLock::State::run(std::shared_ptr<State> state, const Script* script,
                                               std::vector<std::string> words) {
  words.insert(words.begin(), {"EVALSHA", script->digest, "1"});
  auto reply = co_await state->commands.command(words);
  if (reply && reply->kind == Reply::Kind::error && reply->text.starts_with("NOSCRIPT")) {  // restarted, or a first time
    words[0] = "EVAL";
    words[1] = script->text;
    reply = co_await state->commands.command(std::move(words));
  }
  if (!reply) {
    ++state->counts.unavailable;
  } else if (reply->kind != Reply::Kind::error) {
    state->answers();
  }
  co_return reply;
}

RedisLock::RedisLock(Runtime& runtime, boost::asio::any_io_executor executor, RedisLockOptions options)
    : state_(std::make_shared<State>(runtime, executor, std::move(options))) {}
RedisLock::~RedisLock() {
  state_->commands.close();
  state_->news.close();
}

void RedisLock::start() { state_->commands.start(); }
bool RedisLock::is_up() const { return state_->commands.is_up(); }
const RedisLockCounts& RedisLock::counts() const { return state_->counts; }

awaitable<Result<Lease>> RedisLock::acquire(std::string name, core::Duration life) {
  const auto state = state_;
  const auto number = core::mutant(core::Mutant::token_of_replica) ? std::string() : state->runtime.uuid();
  Lease lease{name, state->options.replica + ":" + number, state->runtime.steady() + life};
  std::vector<std::string> words{name, lease.token, life_text(life)};
  const auto reply = co_await State::run(state, &acquire_script(), std::move(words));
  if (!reply) {
    if (reply.error().code == "redis.unanswered") state->owe(name, lease.token);
    co_return fail(State::unavailable(reply.error()));
  }
  if (reply->kind == Reply::Kind::nil) {
    ++state->counts.acquired;
    co_return lease;
  }
  if (reply->kind != Reply::Kind::text) co_return fail(state->refused(*reply));
  ++state->counts.held;
  co_return fail({.code = "lock.held", .what = "'" + name + "' is held by another", .where = reply->text, .way_out = {}});
}

awaitable<Result<Lease>> RedisLock::renew(Lease lease, core::Duration life) {
  const auto state = state_;
  const auto asked = state->runtime.steady();
  std::vector<std::string> words{lease.name, lease.token, life_text(life)};
  const auto reply = co_await State::run(state, &renew_script(), std::move(words));
  if (!reply) co_return fail(State::unavailable(reply.error()));
  if (reply->kind == Reply::Kind::integer) {
    lease.until = asked + life;
    co_return lease;
  }
  const bool over = reply->kind == Reply::Kind::nil;
  if (!over && reply->kind != Reply::Kind::text) co_return fail(state->refused(*reply));
  ++state->counts.lost;
  co_return fail({.code = "lock.lost",
                  .what = "the lease on '" + lease.name + "' is " + (over ? "over" : "another's"),
                  .where = lease.name,
                  .way_out = {}});
}

awaitable<void> RedisLock::release(Lease lease) {
  const auto state = state_;
  std::vector<std::string> words{lease.name, lease.token, channel_of(lease.name)};
  const auto reply = co_await State::run(state, &release_script(), std::move(words));
  if (!reply) {
    state->owe(lease.name, lease.token);
  } else if (reply->kind != Reply::Kind::integer) {
    static_cast<void>(state->refused(*reply));
  }
}

awaitable<void> RedisLock::until_free(std::string name, core::Duration at_most) {
  const auto state = state_;
  const auto end = state->runtime.steady() + at_most;
  Waiter waiter{state->runtime.event()};
  struct Registration {  // also undone when the frame is destroyed while it waits
    State& in;
    const std::string& name;
    Waiter* waiter;
    ~Registration() {
      const auto found = in.waiters.find(name);
      std::erase(found->second, waiter);
      if (!found->second.empty()) return;
      in.waiters.erase(found);
      if (waiter->heard) in.news.tell({"UNSUBSCRIBE", channel_of(name)});
    }
  };
  const bool may_hear = state->waiters.contains(name) || state->waiters.size() < state->options.subscriptions_max;
  state->waiters[name].push_back(&waiter);
  const Registration registration{*state, name, &waiter};
  for (;;) {
    if (may_hear && !waiter.heard) {
      const auto subscribed = co_await state->news.command({"SUBSCRIBE", channel_of(name)});
      waiter.heard = subscribed && subscribed->kind == Reply::Kind::array;
    }
    // After the subscription: what is freed between the two is heard.
    const auto life = co_await state->commands.command({"PTTL", name});
    const auto now = state->runtime.steady();
    const auto look = std::min(waiter.heard ? state->options.look_every : state->options.look_every_unheard, end - now);
    if (!life || life->kind != Reply::Kind::integer) {
      if (look > 0us) co_await waiter.event->wait_for(look);  // the caller's next question is answered with why
      co_return;
    }
    if (life->integer == -2 || look <= 0us) co_return;  // free
    // Redis counts whole milliseconds, and ends a key after its last one.
    const core::Duration rest = std::chrono::milliseconds(life->integer + 2);
    const bool ends = life->integer >= 0 && rest <= look;  // -1: whoever set it gave it no end
    const bool told = co_await waiter.event->wait_for(ends ? rest : look);
    if (told || ends || state->runtime.steady() >= end) co_return;
  }
}

}  // namespace baton
