#include "redis/connection.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <deque>
#include <random>
#include <utility>

namespace baton::redis {
namespace asio = boost::asio;
namespace {

using asio::ip::tcp;
template <class T>
using awaitable = asio::awaitable<T>;
using Clock = std::chrono::steady_clock;
constexpr auto as_pair = asio::as_tuple(asio::use_awaitable);

void rethrow(std::exception_ptr thrown) {
  if (thrown) std::rethrow_exception(thrown);
}

// A command that was given. It outlives its caller's frame, so that the replies after it stay in order.
struct Question {
  Question(const asio::any_io_executor& executor, Clock::duration limit) : answered(executor, limit) {}
  asio::steady_timer answered;  // cancelled by the answer
  std::optional<Result<Reply>> answer;
};

void answer(Question& question, Result<Reply> with) {
  question.answer = std::move(with);
  question.answered.cancel();
}

}  // namespace

// One try to connect, and what came of it. Never used again: what still waits on its socket finds it dead.
struct Line {
  explicit Line(const asio::any_io_executor& executor) : resolver(executor), socket(executor), rest(executor) {}
  tcp::resolver resolver;
  tcp::socket socket;
  asio::steady_timer rest;  // of the beat
  Replies replies;
  std::array<char, 16384> inbox{};
  std::string outbox;
  std::deque<std::shared_ptr<Question>> questions;  // in the order of their replies; null: nobody waits for it
  Clock::time_point up_at{}, heard_at{};
  bool up = false, dead = false, flushing = false;
};

struct Connection::State : std::enable_shared_from_this<State> {
  State(asio::any_io_executor an_executor, ConnectionOptions an_options, Handlers some_handlers)
      : executor(std::move(an_executor)),
        options(std::move(an_options)),
        handlers(std::move(some_handlers)),
        pause(executor),
        chance(std::random_device{}()) {}

  asio::any_io_executor executor;
  ConnectionOptions options;
  Handlers handlers;
  std::shared_ptr<Line> line;  // null: between two tries
  Error why;                   // the last try failed, or the last line was lost
  asio::steady_timer pause;
  std::minstd_rand chance;
  std::uint64_t connects = 0;
  std::uint32_t failures = 0;  // since it was up: while there are any, nobody waits for the next try
  bool started = false, closed = false;

  void start();
  void close();
  void give_up(std::shared_ptr<Line> which, Error error);
  Result<std::shared_ptr<Question>> send(const std::vector<std::string>& words, bool nobody_waits);
  void flush(const std::shared_ptr<Line>& which);
  [[nodiscard]] Error lost(std::string how) const;
  [[nodiscard]] Clock::duration next_pause();

  static awaitable<void> keep(std::shared_ptr<State> state);
  static awaitable<void> write_all(std::shared_ptr<Line> line);
  static awaitable<void> beat(std::shared_ptr<State> state, std::shared_ptr<Line> line);
  static awaitable<Result<Reply>> ask(std::shared_ptr<State> state, std::vector<std::string> words);
  static awaitable<Result<void>> connect(std::shared_ptr<State> state, std::shared_ptr<Line> line);
  static awaitable<Result<void>> greet(std::shared_ptr<State> state, std::shared_ptr<Line> line);
  static awaitable<Error> read(std::shared_ptr<State> state, std::shared_ptr<Line> line);
};

Error Connection::State::lost(std::string how) const {
  return {.code = "redis.unavailable",
          .what = "Redis: " + std::move(how),
          .where = options.host + ":" + std::to_string(options.port),
          .way_out = {}};
}

Clock::duration Connection::State::next_pause() {
  const auto doubled = options.retry_min * (std::int64_t{1} << std::min(std::max(failures, 1u) - 1, 16u));
  const auto whole = std::min<std::chrono::milliseconds>(doubled, options.retry_max);
  return std::uniform_int_distribution<std::int64_t>(whole.count() * 3 / 4, whole.count() * 5 / 4)(chance) *
         std::chrono::milliseconds(1);
}

void Connection::State::start() {
  if (started || closed) return;
  started = true;
  line = std::make_shared<Line>(executor);
  asio::co_spawn(executor, keep(shared_from_this()), rethrow);
}

void Connection::State::close() {
  if (std::exchange(closed, true)) return;
  handlers = {};
  if (line) give_up(line, lost("the connection was closed"));
  pause.cancel();
}

/// Whoever notices first; what waits on the socket finds the line dead.
void Connection::State::give_up(std::shared_ptr<Line> which, Error error) {
  if (which->dead) return;
  which->dead = true;
  which->up = false;
  boost::system::error_code ignored;
  which->resolver.cancel();
  which->socket.close(ignored);
  which->rest.cancel();
  why = std::move(error);
  if (line == which) line = nullptr;
  auto unanswered = why;
  unanswered.code = "redis.unanswered";
  for (const auto& question : std::exchange(which->questions, {})) {
    if (question) answer(*question, fail(unanswered));
  }
  if (!closed) handlers.down(why);
}

awaitable<void> Connection::State::keep(std::shared_ptr<State> state) {
  while (!state->closed) {
    if (!state->line) state->line = std::make_shared<Line>(state->executor);
    const auto line = state->line;
    {
      // The whole try, name service included, within one time-out.
      const auto limit = std::make_shared<asio::steady_timer>(state->executor, state->options.time_out);
      limit->async_wait([state, line](boost::system::error_code stopped) {
        if (!stopped && !line->up) state->give_up(line, state->lost("no connection in time"));
      });
      const auto connected = co_await connect(state, line);
      limit->cancel();
      if (!connected) state->give_up(line, connected.error());
    }
    if (!line->dead) {
      state->failures = 0;
      ++state->connects;
      line->up = true;
      line->up_at = line->heard_at = Clock::now();
      state->flush(line);
      state->handlers.up();
      asio::co_spawn(state->executor, beat(state, line), rethrow);
      auto end = co_await read(state, line);
      state->give_up(line, std::move(end));
    }
    if (state->closed) break;
    // What was up for long is tried again at once: a proxy closes idle connections.
    const bool was_up = line->up_at != Clock::time_point{};
    if (!was_up) ++state->failures;
    if (!was_up || Clock::now() < line->up_at + state->options.retry_max) {
      state->pause.expires_after(state->next_pause());
      co_await state->pause.async_wait(as_pair);
    }
  }
}

awaitable<Result<void>> Connection::State::connect(std::shared_ptr<State> state, std::shared_ptr<Line> line) {
  const auto& host = state->options.host;
  boost::system::error_code not_numeric;
  const auto address = asio::ip::make_address(host, not_numeric);
  std::vector<tcp::endpoint> endpoints;
  if (!not_numeric) {
    endpoints.emplace_back(address, state->options.port);
  } else {
    const auto [error, found] = co_await line->resolver.async_resolve(host, std::to_string(state->options.port), as_pair);
    if (error) co_return fail(state->lost("no address: " + error.message()));
    for (const auto& each : found) endpoints.push_back(each.endpoint());
  }
  if (line->dead) co_return fail(state->why);
  const auto [error, endpoint] = co_await asio::async_connect(line->socket, endpoints, as_pair);
  if (error) co_return fail(state->lost("cannot connect: " + error.message()));
  if (line->dead) co_return fail(state->why);
  boost::system::error_code ignored;
  line->socket.set_option(tcp::no_delay(true), ignored);
  auto greeted = co_await greet(state, line);
  co_return greeted;
}

/// The PING at the end finds servers that let us in but serve nothing yet (LOADING), or want a password.
awaitable<Result<void>> Connection::State::greet(std::shared_ptr<State> state, std::shared_ptr<Line> line) {
  const auto& options = state->options;
  std::vector<std::vector<std::string>> words;
  if (!options.password.empty() && options.user.empty()) words.push_back({"AUTH", options.password});
  if (!options.password.empty() && !options.user.empty()) words.push_back({"AUTH", options.user, options.password});
  if (!options.name.empty()) words.push_back({"CLIENT", "SETNAME", options.name});
  if (options.db != 0) words.push_back({"SELECT", std::to_string(options.db)});
  words.push_back({"PING"});
  std::string wire;
  for (const auto& each : words) wire += encode(each);
  const auto [write_error, written] = co_await asio::async_write(line->socket, asio::buffer(wire), as_pair);
  if (write_error) co_return fail(state->lost("lost while connecting: " + write_error.message()));
  std::size_t heard = 0;
  while (heard < words.size()) {
    auto reply = line->replies.next();
    if (!reply) co_return fail(state->lost(reply.error().what));
    if (!reply->has_value()) {
      const auto [error, size] = co_await line->socket.async_read_some(asio::buffer(line->inbox), as_pair);
      if (line->dead) co_return fail(state->why);
      if (error) co_return fail(state->lost("lost while connecting: " + error.message()));
      line->replies.add({line->inbox.data(), size});
      continue;
    }
    const auto& said = **reply;
    const bool needed = words[heard].front() != "CLIENT";  // a name is for people; who may not give one works without
    if (said.kind == Reply::Kind::error && needed) {
      co_return fail(state->lost("refused " + words[heard].front() + ": " + said.text));
    }
    ++heard;
  }
  co_return Result<void>();
}

awaitable<Error> Connection::State::read(std::shared_ptr<State> state, std::shared_ptr<Line> line) {
  for (;;) {
    auto reply = line->replies.next();
    if (!reply) co_return state->lost(reply.error().what);
    if (!reply->has_value()) {
      const auto [error, size] = co_await line->socket.async_read_some(asio::buffer(line->inbox), as_pair);
      if (line->dead) co_return state->why;
      if (error) co_return state->lost("connection lost: " + error.message());
      line->replies.add({line->inbox.data(), size});
      line->heard_at = Clock::now();
      continue;
    }
    auto& said = **reply;
    if (said.kind == Reply::Kind::array && said.items.size() == 3 && said.items[0].text == "message" &&
        state->handlers.published) {
      state->handlers.published(std::move(said.items[1].text), std::move(said.items[2].text));
      if (line->dead) co_return state->why;
      continue;
    }
    if (line->questions.empty()) co_return state->lost("a reply that nobody asked for");
    const auto question = line->questions.front();
    line->questions.pop_front();
    if (question) answer(*question, std::move(said));
  }
}

awaitable<void> Connection::State::beat(std::shared_ptr<State> state, std::shared_ptr<Line> line) {
  while (!line->dead) {
    line->rest.expires_at(std::max(line->heard_at + state->options.ping_every, Clock::now() + state->options.ping_every / 4));
    co_await line->rest.async_wait(as_pair);
    if (line->dead || Clock::now() < line->heard_at + state->options.ping_every) continue;
    const auto pong = co_await ask(state, {"PING"});
    static_cast<void>(pong);  // a silent server has been given up by the time-out
  }
}

Result<std::shared_ptr<Question>> Connection::State::send(const std::vector<std::string>& words, bool nobody_waits) {
  if (closed) return fail(lost("the connection was closed"));
  start();
  if (!line || (!line->up && failures > 0)) return fail(why);
  if (line->questions.size() >= options.waiting_max) return fail(lost("too many commands wait for a reply"));
  auto question = nobody_waits ? nullptr : std::make_shared<Question>(executor, options.time_out);
  line->questions.push_back(question);
  line->outbox += encode(words);
  flush(line);
  return question;
}

void Connection::State::flush(const std::shared_ptr<Line>& which) {
  if (!which->up || which->flushing || which->outbox.empty()) return;
  which->flushing = true;
  asio::co_spawn(executor, write_all(which), rethrow);
}

/// Begins in the next turn of the loop, so that what is said in this one goes out together.
awaitable<void> Connection::State::write_all(std::shared_ptr<Line> line) {
  while (!line->dead && !line->outbox.empty()) {
    const auto batch = std::exchange(line->outbox, {});
    const auto [error, size] = co_await asio::async_write(line->socket, asio::buffer(batch), as_pair);
    if (error) break;  // the reader sees it too
  }
  line->flushing = false;
}

awaitable<Result<Reply>> Connection::State::ask(std::shared_ptr<State> state, std::vector<std::string> words) {
  const auto sent = state->send(words, false);
  if (!sent) co_return fail(sent.error());
  const auto question = *sent;
  const auto line = state->line;
  if (!question->answer) {
    const auto [stopped] = co_await question->answered.async_wait(as_pair);
    if (!question->answer && !stopped) {
      state->failures = std::max(state->failures, 1u);  // a silent server lets us connect, and is silent again
      state->give_up(line, state->lost("no answer within " + std::to_string(state->options.time_out.count()) + " ms"));
    }
  }
  if (question->answer) co_return std::move(*question->answer);
  auto error = state->lost("the wait for an answer was cancelled");
  error.code = "redis.unanswered";
  co_return fail(std::move(error));
}

Connection::Connection(asio::any_io_executor executor, ConnectionOptions options, Handlers handlers)
    : state_(std::make_shared<State>(std::move(executor), std::move(options), std::move(handlers))) {}
Connection::Connection(asio::any_io_executor executor, ConnectionOptions options)
    : Connection(std::move(executor), std::move(options), Handlers{}) {}
Connection::~Connection() { state_->close(); }

void Connection::start() { state_->start(); }
void Connection::close() { state_->close(); }
bool Connection::is_up() const { return state_->line && state_->line->up; }
std::uint64_t Connection::connects() const { return state_->connects; }
awaitable<Result<Reply>> Connection::command(std::vector<std::string> words) { return State::ask(state_, std::move(words)); }
void Connection::tell(std::vector<std::string> words) {
  const auto sent = state_->send(words, true);
  static_cast<void>(sent);
}

}  // namespace baton::redis
