#include "replica.hpp"

#include <boost/asio/io_context.hpp>
#include <charconv>
#include <filesystem>
#include <utility>

#include "api/token.hpp"
#include "backend/local/identity.hpp"
#include "backend/local/processes.hpp"
#include "machine.hpp"
#include "store/postgres/migrate.hpp"

namespace baton::serve {
namespace {

using namespace std::chrono_literals;
using telemetry::Level;

constexpr core::Duration stall = 50ms;
// R18. A run may have a hundred thousand rows, and nobody shall wait for their removal.
constexpr std::size_t forgotten_first = 10, forgotten_most = 500;

std::string absolute(const std::string& path) {
  auto text = std::filesystem::absolute(path).lexically_normal().string();
  while (text.size() > 1 && text.back() == '/') text.pop_back();
  return text;
}

std::uint16_t port_of(const settings::Settings& settings, std::string_view name) {
  return static_cast<std::uint16_t>(settings.number(name));
}

Error bad(const char* name, const std::string& what, const std::string& way_out) {
  return {.code = "settings.bad_value", .what = std::string(name) + ": " + what, .where = {}, .way_out = way_out};
}

RabbitOptions queue_of(const Setup& setup, Journal& journal) {
  const auto& settings = setup.settings;
  RabbitOptions options;
  options.broker = {.host = settings.text("RABBIT_HOST"),
                    .port = port_of(settings, "RABBIT_PORT"),
                    .user = settings.text("RABBIT_USER"),
                    .password = settings.text("RABBIT_PASSWORD")};
  options.name = setup.replica;
  options.queue = settings.text("BATON_QUEUE");
  options.exchange = settings.text("BATON_EXCHANGE");
  options.message_ttl = std::chrono::duration_cast<amqp::milliseconds>(settings.duration("BATON_QUEUE_TTL"));
  options.retry_delay = std::chrono::duration_cast<amqp::milliseconds>(settings.duration("BATON_QUEUE_RETRY_DELAY"));
  options.trouble = [&journal](const Error& error) { journal.trouble("queue", error); };
  return options;
}

RabbitEventsOptions events_of(const RabbitOptions& queue, Journal& journal) {
  RabbitEventsOptions options;
  options.broker = queue.broker;
  options.name = queue.name;
  options.trouble = [&journal](const Error& error) { journal.trouble("events", error); };
  return options;
}

RedisLockOptions lock_of(const Setup& setup, Journal& journal, telemetry::Log& log) {
  const auto& settings = setup.settings;
  RedisLockOptions options;
  options.server = {.host = settings.text("REDIS_HOST"),
                    .port = port_of(settings, "REDIS_PORT"),
                    .user = settings.text("REDIS_USER"),
                    .password = settings.text("REDIS_PASSWORD"),
                    .db = 1,
                    .name = setup.replica};
  options.replica = setup.replica;
  options.trouble = [&journal](const Error& error) { journal.trouble("lock", error); };
  options.recovered = [&log] { log.line(Level::info, "lock.recovered"); };
  return options;
}

/// No secret of the server enters a job's environment: these names alone do.
std::vector<std::string> environment_of_jobs() {
  std::vector<std::string> allowed;
  for (auto& variable : local::own_environment())
    for (const auto* name : {"PATH=", "HOME=", "LANG=", "LC_", "TMPDIR=", "TZ=", "USER=", "LOGNAME=", "SHELL="})
      if (variable.starts_with(name)) {
        allowed.push_back(std::move(variable));
        break;
      }
  return allowed;
}

std::uint32_t slots_of(const Setup& setup) {
  const auto jobs = setup.settings.number("BATON_JOBS");
  return jobs > 0 ? static_cast<std::uint32_t>(jobs) : cpus();
}

core::Resources capacity_of(const Setup& setup) {
  auto capacity = ram_and_gpus();
  capacity.try_emplace("cpu", static_cast<double>(slots_of(setup)));
  return capacity;
}

local::LocalOptions backend_of(const Setup& setup) {
  return {.state = setup.state,
          .out = setup.data.front() + "/baton-out",
          .by_project = true,
          .slots = slots_of(setup),
          .resources = capacity_of(setup),
          .environment = environment_of_jobs()};
}

}  // namespace

Result<Setup> setup_from(settings::Settings settings, std::string replica) {
  Setup setup{.settings = std::move(settings), .replica = std::move(replica)};
  for (const auto* name : {"RABBIT_SECURE", "REDIS_SECURE"})
    if (setup.settings.truth(name)) return fail(bad(name, "TLS is not there yet", "set it to 0"));
  const auto& format = setup.settings.text("BATON_LOG_FORMAT");
  if (format != "text" && format != "json") return fail(bad("BATON_LOG_FORMAT", "it is neither text nor json", {}));

  const auto& listen = setup.settings.text("BATON_LISTEN");
  const auto colon = listen.rfind(':');
  const char* const end = listen.data() + listen.size();
  if (colon == std::string::npos || std::from_chars(listen.data() + colon + 1, end, setup.port).ptr != end ||
      colon + 1 == listen.size())
    return fail(bad("BATON_LISTEN", "'" + listen + "' is not HOST:PORT", "for example --listen 127.0.0.1:8000"));
  setup.host = listen.substr(0, colon);

  if (!setup.settings.truth("BATON_LOCAL_BACKEND"))
    return fail(
        {.code = "settings.no_backend",
         .what = "there is no backend that could run a step",
         .where = {},
         .way_out =
             "switch on local processes with --local-backend: for one tenant alone, as a step can read what this server can"});
  for (const auto& folder : setup.settings.paths("BATON_DATA")) {
    std::error_code wrong;
    const auto path = std::filesystem::canonical(folder, wrong);
    if (wrong || !std::filesystem::is_directory(path)) return fail(bad("BATON_DATA", "'" + folder + "' is no folder", {}));
    setup.data.push_back(path.string());
  }
  if (setup.data.empty()) return fail(bad("BATON_DATA", "it is not set", "say with --data DIR whose files may be read"));
  const auto& state = setup.settings.text("BATON_STATE");
  setup.state = state.empty() ? setup.data.front() + "/.baton" : absolute(state);

  setup.token = setup.settings.text("BATON_TOKEN");
  if (setup.token.empty()) {
    auto token = api::serving_token(setup.settings.text("BATON_TOKEN_FILE"));
    if (!token) return fail(token.error());
    setup.token = std::move(*token);
  }
  return setup;
}

postgres::Options database_of(const settings::Settings& settings, const std::string& replica) {
  return {.host = settings.text("POSTGRES_HOST"),
          .port = port_of(settings, "POSTGRES_PORT"),
          .user = settings.text("POSTGRES_USER"),
          .password = settings.text("POSTGRES_PASSWORD"),
          .database = settings.text("POSTGRES_DB"),
          .application_name = replica};
}

Replica::Replica(AsioRuntime& runtime, Setup setup, telemetry::Log& log)
    : runtime_(runtime),
      setup_(std::move(setup)),
      log_(log),
      journal_(runtime, log),
      store_(runtime.io().get_executor(),
             {.connection = database_of(setup_.settings, setup_.replica),
              .size = static_cast<std::size_t>(setup_.settings.number("BATON_POSTGRES_CONNECTIONS"))},
             [&log](const Error& error) { log.error(Level::warning, "adopt", error); }),
      queue_(runtime, runtime.io().get_executor(), queue_of(setup_, journal_)),
      lock_(runtime, runtime.io().get_executor(), lock_of(setup_, journal_, log)),
      events_(runtime, runtime.io().get_executor(), events_of(queue_of(setup_, journal_), journal_)),
      files_(runtime),
      backend_(runtime, runtime.io().get_executor(), backend_of(setup_)),
      figures_(store_, queue_, lock_, backend_),
      limits_(setup_.settings.number("BATON_OUTBOX_MAX"), setup_.settings.number("BATON_OPEN_RUNS_MAX")),
      watcher_(runtime, store_),
      relay_(runtime, store_, events_, relay_options()),
      worker_(runtime, store_, queue_, lock_, backend_, worker_options()),
      manager_(runtime, store_, queue_, lock_, manager_options(), &relay_),
      place_{.runtime = runtime,
             .store = store_,
             .files = files_,
             .wakeups = worker_.wakeups(),
             .watcher = watcher_,
             .host = {.capacity = capacity_of(setup_)},
             .data = setup_.data,
             .state = setup_.state,
             .retries_lost = static_cast<std::int32_t>(setup_.settings.number("COMPUTATIONAL_BACKEND_MAX_TASK_RETRIES")),
             .refuses = [this](UserId user) { return limits_.refuse(user); },
             .did = [this](std::string_view what, const core::RunKey& run) { journal_.asked(what, run); },
             .health = [this] { return health(); },
             .metrics = [this] { return figures_.text(); }},
      server_(runtime.io().get_executor(), runtime, {.host = setup_.host, .port = setup_.port, .token = setup_.token},
              [this](api::Call call) { return api::answer(place_, std::move(call)); }),
      gate_(runtime.gate()),
      stopped_(runtime.event()) {
  files_.leave_out({setup_.state, backend_of(setup_).out});
  events_.on_changed([this](const core::RunKey& run) { watcher_.changed(run); });
}

WorkerOptions Replica::worker_options() {
  WorkerOptions options;
  options.pass.replica = ReplicaId(setup_.replica);
  options.pass.policy.cancel_patience = setup_.settings.duration("BATON_CANCEL_PATIENCE");
  options.pass.policy.announce = true;
  options.pass.lock_life = setup_.settings.duration("BATON_LOCK_LIFE");
  options.pass.written = [this](const core::Run& run, const core::Decision& decision, Fence fence) {
    journal_.written(run, decision, fence);
    figures_.written(decision);
  };
  options.concurrency = static_cast<std::uint32_t>(setup_.settings.number("COMPUTATIONAL_BACKEND_SCHEDULING_CONCURRENCY"));
  options.passed = [this](const core::RunKey& run, const PassResult& result, core::Duration took) {
    figures_.passed(result, took);
    if (result.error && result.error->code == "store.held") journal_.held(run, *result.error);
  };
  options.changed = [this](const core::RunKey& run) {
    watcher_.changed(run);
    events_.changed(run);
  };
  options.over = [this](const core::RunKey& run) { watcher_.changed(run); };
  options.announced = [this](std::vector<Outgoing> messages) { relay_.tell(std::move(messages)); };
  options.progressed = [this](const core::RunKey& run, const NodeId& node, double progress) {
    events_.progressed(run, node, progress);
  };
  options.trouble = [this](const core::RunKey& run, const Error& error) {
    if (error.code == "store.backing_off" || error.code == "store.fenced") return;  // said by the figures
    auto told = error;
    if (told.where.empty()) told.where = core::to_text(run);
    journal_.trouble("pass", told);
  };
  return options;
}

RelayOptions Replica::relay_options() {
  RelayOptions options;
  options.trouble = [this](const Error& error) { journal_.trouble("relay", error); };
  return options;
}

ManagerOptions Replica::manager_options() {
  ManagerOptions options;
  options.interval = setup_.settings.duration("BATON_SCHEDULING_INTERVAL");
  options.lock_life = setup_.settings.duration("BATON_LOCK_LIFE");
  options.waiting_max = waiting_max_of(backend_.slots());
  options.trouble = [this](const Error& error) { journal_.trouble("manager", error); };
  return options;
}

api::Health Replica::health() const {
  return {.store = store_answers_, .queue = queue_.is_consuming(), .lock = lock_.is_up(), .stopping = stopping_};
}

awaitable<Result<void>> Replica::start() {
  const auto database = database_of(setup_.settings, setup_.replica);
  if (setup_.settings.truth("BATON_MIGRATE")) {
    auto migrated = co_await migrate(runtime_.io().get_executor(), database);
    if (!migrated) co_return fail(std::move(migrated.error()));
    for (const auto& name : migrated->applied) log_.line(Level::info, "migrated", {{"migration", name}});
  } else {
    auto checked = co_await check_migrations(runtime_.io().get_executor(), database);
    if (!checked) co_return fail(std::move(checked.error()));
    if (!checked->applied.empty())
      co_return fail({.code = "store.older",
                      .what = "the tables are those of an older Baton: " + checked->applied.front() + " is missing",
                      .where = database.database,
                      .way_out = "run `baton migrate`, or leave BATON_MIGRATE at 1"});
  }
  const bool has_jobs = local::keeps_jobs(setup_.state);
  auto identity = local::identity_of(setup_.state, runtime_.uuid());
  if (!identity) co_return fail(std::move(identity.error()));
  auto joined = co_await store_.join_at({.id = std::move(*identity),
                                         .boot = local::boot_id(),
                                         .host = host_name(),
                                         .folder = setup_.state,
                                         .has_jobs = has_jobs,
                                         .instead_of = setup_.settings.text("BATON_STATE_MOVED")},
                                        ReplicaId(setup_.replica), [this](const Error& why) { end_for(why); });
  if (!joined) co_return fail(std::move(joined.error()));
  lock_.start();
  co_return server_.listen();
}

awaitable<Result<void>> Replica::serve() {
  log_.line(Level::info, "serving",
            {{"version", BATON_VERSION}, {"url", "http://" + setup_.host + ":" + std::to_string(server_.port())}});
  gate_->spawn(watch_store());
  gate_->spawn(watch_backlog());
  gate_->spawn(watch_loop());
  gate_->spawn(forget_what_is_old());
  if (setup_.settings.truth("BATON_ADOPT")) gate_->spawn(adopt_what_others_inserted());
  gate_->spawn(watcher_.serve());
  gate_->spawn(manager_.serve());
  gate_->spawn(worker_.serve());
  co_await server_.serve();
  co_await gate_->empty();
  co_await relay_.stop();
  co_await queue_.stop(std::chrono::milliseconds(500));
  co_await events_.stop(std::chrono::milliseconds(500));
  const auto left = co_await store_.leave(ReplicaId(setup_.replica));
  if (!left) journal_.trouble("leave", left.error());
  co_await store_.close();
  log_.line(Level::info, "stopped");
  if (ended_for_) co_return fail(std::move(*ended_for_));
  co_return Result<void>();
}

void Replica::stop() {
  if (std::exchange(stopping_, true)) return;
  log_.line(Level::info, "stopping");
  server_.stop();
  watcher_.stop();
  manager_.stop();
  worker_.stop();
  stopped_->notify();
}

void Replica::end_for(const Error& why) {
  ended_for_ = why;
  log_.error(Level::error, "refused", why);
  backend_.close();  // what passes under way have still to send would begin where nobody looks any more
  refused_();
}

/// Whether the database answers, for /readyz.
awaitable<void> Replica::watch_store() {
  while (!stopping_) {
    const auto answer = co_await store_.ping();
    if (answer.has_value() != store_answers_) {
      store_answers_ = answer.has_value();
      if (answer) log_.line(Level::info, "store.recovered");
    }
    if (!answer) journal_.trouble("store", answer.error());
    if (stopping_) co_return;
    const auto stopped = co_await stopped_->wait_for(1s);
    static_cast<void>(stopped);
  }
}

/// For /metrics, which does not wait for a server that is away.
awaitable<void> Replica::watch_backlog() {
  while (!stopping_) {
    auto backlog = co_await store_.backlog();
    limits_.takes(backlog ? &*backlog : nullptr);
    figures_.backlog(backlog ? std::optional(std::move(*backlog)) : std::nullopt);
    const auto depth = co_await queue_.depth();
    figures_.queue_depth(depth ? std::optional(*depth) : std::nullopt);
    if (stopping_) co_return;
    const auto stopped = co_await stopped_->wait_for(5s);
    static_cast<void>(stopped);
  }
}

/// Beside the manager's look, which must not wait for locks of others. Several replicas at once take other rows, or find them taken.
awaitable<void> Replica::adopt_what_others_inserted() {
  const auto retries_lost = static_cast<std::int32_t>(setup_.settings.number("COMPUTATIONAL_BACKEND_MAX_TASK_RETRIES"));
  while (!stopping_) {
    const auto adopted = co_await store_.adopt(retries_lost);
    if (adopted)
      for (const auto& run : *adopted) worker_.wakeups().wake(run, {});
    else
      journal_.trouble("adopt", adopted.error());
    const auto stopped = co_await stopped_->wait_for(setup_.settings.duration("BATON_SCHEDULING_INTERVAL"));
    static_cast<void>(stopped);
  }
}

/// Any number of replicas may do it at once: each takes other rows.
awaitable<void> Replica::forget_what_is_old() {
  const auto retention = setup_.settings.duration("BATON_RETENTION");
  std::size_t at_once = forgotten_first;
  while (!stopping_) {
    const auto stopped = co_await stopped_->wait_for(1min);
    static_cast<void>(stopped);
    for (bool more = true; more && !stopping_;) {
      const auto began = runtime_.steady();
      const auto forgotten = co_await store_.forget_ended(retention, at_once);
      if (!forgotten) journal_.trouble("retention", forgotten.error());
      if (forgotten && *forgotten > 0) log_.line(Level::info, "forgotten", {{"runs", std::to_string(*forgotten)}});
      more = forgotten && *forgotten == at_once;
      at_once = more && runtime_.steady() - began < 1s ? std::min(2 * at_once, forgotten_most) : forgotten_first;
    }
  }
}

/// A loop that stands still delays all runs of this replica.
awaitable<void> Replica::watch_loop() {
  while (!stopping_) {
    const auto before = runtime_.steady();
    co_await runtime_.sleep(100ms);
    const auto late = runtime_.steady() - before - 100ms;
    if (late > stall) figures_.stalled(late);
  }
}

}  // namespace baton::serve
