#include "store/postgres/presence.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <map>
#include <random>

#include "postgres/connection.hpp"
#include "store/postgres/failures.hpp"
#include "store/postgres/statements.hpp"

namespace baton::store {

namespace asio = boost::asio;

using postgres::Connection;
using postgres::Parameters;
using postgres::Statement;

namespace {

constexpr auto as_pair = asio::as_tuple(asio::use_awaitable);

#define LOCK_KEY "hashtextextended(current_schema() || '/' || $1::text, 0)"
#define HELD_HERE                                                                                          \
  "EXISTS (SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid() AND objsubid = 1" \
  " AND ((classid::bigint << 32) | objid::bigint) = " LOCK_KEY ")"
// Once: a lock that is taken twice has to be freed twice.
constexpr Statement take{"take", "SELECT CASE WHEN " HELD_HERE " THEN true ELSE pg_try_advisory_lock(" LOCK_KEY ") END"};
constexpr Statement introduce{
    "introduce", "INSERT INTO replicas (id, version, seen, lock_key) VALUES ($1::text, $2::text, clock_timestamp(), " LOCK_KEY
                 ") ON CONFLICT (id) DO UPDATE SET version = excluded.version, seen = excluded.seen"};
constexpr Statement still_held{"still_held", "SELECT " HELD_HERE};
constexpr Statement free_it{"free_it", "SELECT pg_advisory_unlock(" LOCK_KEY ")"};
#undef HELD_HERE
#undef LOCK_KEY

std::vector<postgres::Call> about(const Statement& statement, const ReplicaId& replica) {
  return {{&statement, Parameters(replica.value())}};
}

struct Seat {
  std::optional<KeeperPlace> keeper;
  std::function<void(const Error&)> refused;
};

// Jobs are kept at one place (R15): where the first has said, or a person has since.
awaitable<Result<void>> settle_at(Connection& on, ReplicaId replica, KeeperPlace keeper) {
  // On another host a directory that is the same cannot reach the same keeper.
  const auto here = keeper.id + '@' + keeper.boot;
  std::vector<postgres::Call> calls{{&sql::place_alone, Parameters()},
                                    {&sql::take_place, Parameters(replica.value(), here, keeper.id, keeper.host, keeper.folder,
                                                                  keeper.instead_of, keeper.has_jobs)},
                                    {&sql::be_there, Parameters(replica.value(), here, keeper.id)},
                                    {&sql::place, Parameters(replica.value(), here)}};
  auto answers = co_await on.run(std::move(calls));
  if (!answers) co_return fail(error_of(answers.error()));
  if (!(*answers)[2].empty()) co_return Result<void>();
  auto row = (*answers)[3][0];
  const auto host = row.some_text(), folder = row.some_text();
  const bool lives = row.truth();
  Error error{.code = "store.other_keeper", .where = keeper.folder + " of " + keeper.host};
  if (!folder) {
    error.what = "this database has jobs that are not over, and none was ever kept in this state directory";
    error.way_out = "start first a replica with the BATON_STATE where they are; if that is gone for ever: BATON_STATE_MOVED=yes";
  } else {
    error.what = "the jobs of this database are kept in " + std::string(*folder) + " of " + std::string(*host) +
                 (lives ? ", by a replica that lives" : "");
    error.way_out =
        "give all replicas the same BATON_STATE, on one host; if that folder is gone for ever, with what ran there: "
        "BATON_STATE_MOVED=" +
        std::string(*folder);
  }
  co_return fail(std::move(error));
}

}  // namespace

struct Presence::State : std::enable_shared_from_this<Presence::State> {
  State(asio::any_io_executor on, postgres::Options with)
      : executor(std::move(on)),
        options(std::move(with)),
        pause(executor),
        turn(executor, asio::steady_timer::time_point::max()) {}

  awaitable<Result<void>> enter(ReplicaId replica, Seat seat);
  awaitable<Result<void>> enter_on(std::shared_ptr<Connection> on, ReplicaId replica, Seat seat);
  awaitable<void> keep();

  // The server may not have noticed yet that a process has ended: it is asked again for a second.
  static constexpr int tries_max = 20;
  awaitable<void> a_moment() {
    asio::steady_timer moment(executor, std::chrono::milliseconds(50));
    [[maybe_unused]] const auto [ec] = co_await moment.async_wait(as_pair);
  }

  // The connection is for one at a time.
  awaitable<void> take_turn() {
    while (busy) {
      [[maybe_unused]] const auto [ec] = co_await turn.async_wait(as_pair);
    }
    busy = true;
  }
  void end_turn() {
    busy = false;
    turn.cancel();
  }

  asio::any_io_executor executor;
  postgres::Options options;
  std::map<ReplicaId, Seat> joined;
  std::shared_ptr<Connection> connection;  // shared with who waits on it when this goes
  bool keeping = false, closed = false, busy = false;
  int misses = 0;  // tries to enter again that failed, in a row
  asio::steady_timer pause, turn;
};

awaitable<Result<void>> Presence::State::enter_on(std::shared_ptr<Connection> on, ReplicaId replica, Seat seat) {
  bool is_ours = false;
  for (int tries = 0; !is_ours && tries < tries_max; ++tries) {
    if (tries > 0) co_await a_moment();
    auto taken = co_await on->run(about(take, replica));
    if (!taken) co_return fail(error_of(taken.error()));
    is_ours = (*taken)[0][0].truth();
  }
  if (!is_ours) {
    co_return fail({.code = "store.not_yours",
                    .what = "another process lives under the name '" + replica.value() + "'",
                    .where = replica.value(),
                    .way_out = "give each replica a name of its own"});
  }
  std::vector<postgres::Call> said{{&introduce, Parameters(replica.value(), BATON_VERSION)},
                                   {&sql::forget_the_gone, Parameters()}};
  auto introduced = co_await on->run(std::move(said));
  if (!introduced) co_return fail(error_of(introduced.error()));
  auto held = co_await on->run(about(still_held, replica));
  if (!held) co_return fail(error_of(held.error()));
  if (!(*held)[0][0].truth()) {
    co_return fail({.code = "store.pooled",
                    .what =
                        "the session's lock was lost after the next statement: the line to the database goes through a pool of"
                        " transactions (PgBouncer)",
                    .where = options.host + ":" + std::to_string(options.port),
                    .way_out = "connect to PostgreSQL itself, or let the pool give a session to each client"});
  }
  if (!seat.keeper) co_return Result<void>();
  auto settled = co_await settle_at(*on, replica, *seat.keeper);
  for (int tries = 0; tries < tries_max && !settled && settled.error().code == "store.other_keeper"; ++tries) {
    co_await a_moment();
    settled = co_await settle_at(*on, replica, *seat.keeper);
  }
  co_return settled;
}

awaitable<Result<void>> Presence::State::enter(ReplicaId replica, Seat seat) {
  if (!connection || !connection->usable()) {
    auto opened = co_await Connection::open(executor, options);
    if (!opened) co_return fail(error_of(opened.error()));
    if (closed) co_return fail(error_of({.state = "08001", .message = "the store is closed"}));
    if (connection) connection->close();
    connection = std::move(*opened);
    for (const auto& [other, its_seat] : std::map(joined)) {
      if (other == replica) continue;
      auto again = co_await enter_on(connection, other, its_seat);
      if (!again) co_return again;
    }
  }
  auto entered = co_await enter_on(connection, replica, std::move(seat));
  if (!entered) connection->close();
  co_return entered;
}

// Takes all locks again when the connection was lost.
awaitable<void> Presence::State::keep() {
  const auto self = shared_from_this();
  std::minstd_rand random(std::random_device{}());
  constexpr auto look_again = std::chrono::milliseconds(100), longest = std::chrono::milliseconds(5000);
  auto wait = look_again;
  while (!closed) {
    pause.expires_after(wait);
    [[maybe_unused]] const auto [ec] = co_await pause.async_wait(as_pair);
    wait = std::min(wait, look_again);
    if (closed || busy || joined.empty() || (connection && connection->usable())) continue;
    co_await take_turn();
    bool whole = !closed;
    for (const auto& [replica, seat] : std::map(joined)) {
      if (!whole) break;
      auto entered = co_await enter(replica, seat);
      whole = entered.has_value();
      if (whole || entered.error().code != "store.other_keeper") continue;
      joined.erase(replica);
      if (seat.refused) seat.refused(entered.error());
    }
    end_turn();
    misses = whole ? 0 : std::min(misses + 1, 6);
    if (whole) continue;
    wait = std::min(look_again * (1 << misses), longest);
    wait -= std::chrono::milliseconds(static_cast<int>(random() % static_cast<unsigned>(wait.count() / 2)));
  }
}

Presence::Presence(asio::any_io_executor executor, postgres::Options options)
    : state_(std::make_shared<State>(std::move(executor), std::move(options))) {}

Presence::~Presence() {
  state_->closed = true;
  if (state_->connection) state_->connection->close();
  state_->pause.cancel();
  state_->turn.cancel();
}

awaitable<Result<void>> Presence::join(ReplicaId replica, std::optional<KeeperPlace> keeper,
                                       std::function<void(const Error&)> refused) {
  const auto state = state_;
  Seat seat{.keeper = std::move(keeper), .refused = std::move(refused)};
  co_await state->take_turn();
  auto entered = co_await state->enter(replica, seat);
  state->end_turn();
  if (entered) {
    // What was moved is moved: when the line is made again, another place that was taken meanwhile is not taken from it.
    if (seat.keeper) seat.keeper->instead_of.clear();
    state->joined.insert_or_assign(replica, std::move(seat));
    if (!std::exchange(state->keeping, true)) asio::co_spawn(state->executor, state->keep(), asio::detached);
  }
  co_return entered;
}

awaitable<Result<void>> Presence::leave(ReplicaId replica) {
  const auto state = state_;
  state->joined.erase(replica);
  co_await state->take_turn();
  Result<void> left;
  if (state->connection && state->connection->usable()) {
    auto freed = co_await state->connection->run(about(free_it, replica));
    if (!freed) {
      state->connection->close();
      left = fail(error_of(freed.error()));
    }
  }
  state->end_turn();
  co_return left;
}

}  // namespace baton::store
