#include "store/postgres/postgres_store.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "core/mutants.hpp"
#include "core/run_row.hpp"
#include "store/postgres/failures.hpp"
#include "store/postgres/presence.hpp"
#include "store/postgres/read_rows.hpp"
#include "store/postgres/statements.hpp"
#include "store/postgres/write_rows.hpp"

namespace baton {

namespace sql = store::sql;
using core::RunKey;
using postgres::Call;
using postgres::Parameters;
using postgres::Rows;
using store::key_parameters;

namespace {

using Calls = std::vector<Call>;

// Of a set in one statement; the rest is another.
constexpr std::size_t set_max = 1000;

// Runs of others that one look makes ours; the rest is found by the next.
constexpr std::int64_t adopted_max = 50;

// For a transaction that costs nothing but a repetition if the server loses it: it holds its rows for no longer than it works.
// For a transaction that is tried again anyway: it does not stand behind somebody's long one.
constexpr postgres::Statement short_wait{"short_wait", "SELECT set_config('lock_timeout', '1s', true)"};
constexpr postgres::Statement no_flush{"no_flush", "SELECT set_config('synchronous_commit', 'off', true)"};

std::int64_t limit(std::size_t max) {
  return static_cast<std::int64_t>(std::min(max, std::size_t{std::numeric_limits<std::int32_t>::max()}));
}

template <class... More>
Parameters of_run(const RunKey& run, const More&... more) {
  return Parameters(run.project.value(), run.user.value(), run.iteration.value(), more...);
}

// What `read` makes of an answer; store.damaged where a row makes no sense.
template <class Read>
auto understood(Read read) -> Result<decltype(read())> {
  try {
    return read();
  } catch (const store::DamagedRow& damaged) {
    return fail({.code = "store.damaged",
                 .what = std::string("the database holds what cannot be understood: ") + damaged.what(),
                 .where = {},
                 .way_out = "look at that row, or restore the database from a backup"});
  }
}

template <class T, class Read>
Result<std::vector<T>> list_of(const Rows& rows, Read read) {
  return understood([&] {
    std::vector<T> list;
    list.reserve(static_cast<std::size_t>(rows.size()));
    for (auto row : rows) list.push_back(read(row));
    return list;
  });
}

Result<Woken> woken_from(const RunKey& run, const Rows& rows) {
  if (rows.empty()) return fail(core::run_not_found(run));
  auto row = rows[0];
  Woken woken;
  woken.publish = row.truth();
  woken.follower = ReplicaId(std::string(row.text()));
  return woken;
}

// An answer of begin_pass, up to the run itself.
struct Begun {
  std::string step;
  core::Instant now{};
  core::RunRow row;
  RunView run;
};

Begun read_begun(const Rows& rows) {
  auto row = rows[0];
  Begun begun;
  begun.step = row.text();
  begun.now = row.instant();
  begun.row.failures = row.small_number();
  begun.run = store::read_run(row);
  begun.row.wake_at = begun.run.wake_at;
  begun.row.last_failure = begun.run.last_failure;
  return begun;
}

Error refusal(const Begun& begun, const RunKey& run) {
  if (begun.step == "ended") return core::pass_refused(core::Begun::ended, run, begun.row, begun.now);
  if (begun.step == "held") return core::pass_refused(core::Begun::held, run, begun.row, begun.now);
  BATON_ASSERT(begun.step == "backing off");
  return core::pass_refused(core::Begun::backing_off, run, begun.row, begun.now);
}

void read_changes(const Rows& rows, core::Ticket& ticket) {
  for (auto row : rows) {
    if (row.truth()) {
      ticket.owed.push_back(store::read_owed(row));
    } else {
      ticket.tasks.push_back(store::read_task(row).record);
    }
  }
  std::ranges::sort(ticket.tasks, {}, &core::TaskRecord::task);
  std::ranges::sort(ticket.owed, {}, [](const core::OwedRecord& owed) { return std::pair(owed.task, owed.attempt); });
}

Result<core::Ticket> ticket_from(const BeginPass& pass, const std::vector<Rows>& answers) {
  auto begun = understood([&] { return read_begun(answers[0]); });
  if (!begun) return fail(begun.error());
  if (begun->step != "pass") return fail(refusal(*begun, pass.run));
  return understood([&] {
    core::Ticket ticket{.run = begun->run.id,
                        .fence = begun->run.fence,
                        .mark = begun->run.scheduled,
                        .now = begun->now,
                        .record = begun->run.record};
    read_changes(answers[1], ticket);
    if (answers.size() > 2) ticket.definition = store::read_definition(begun->run, answers[2], answers[3]);
    return ticket;
  });
}

// A mutant's.
constexpr postgres::Statement read_view_back{
    "read_view_back",
    "UPDATE comp_run_snapshot_tasks t SET state = c.state, changed_in = r.fence + 1 FROM comp_runs r, comp_tasks c"
    " WHERE r.project_uuid = $1::text AND r.user_id = $2::bigint AND r.iteration = $3::bigint AND t.run_id = r.run_id"
    " AND c.project_id = r.project_uuid AND c.node_id = t.node_id AND c.state <> t.state"};

Committed committed_from(const core::Ticket& ticket, core::Decision& decision, const store::CommitCalls& calls,
                         const std::vector<Rows>& answers) {
  auto row = answers[0][0];
  Committed committed{.woken = row.truth()};
  const auto key = store::read_key(row);
  const std::string metadata(row.text());
  committed.line = row.truth();
  if (calls.open != 0) committed.open = answers[calls.open][0].truth();
  if (calls.messages == 0) return committed;
  for (auto message_row : answers[calls.messages]) {
    Outgoing message{.id = message_row.number(), .run = key, .run_id = ticket.run, .fence = ticket.fence};
    message.n = message_row.small_number();
    message.node = NodeId(std::string(message_row.text()));
    message.metadata = metadata;
    message.what = std::move(decision.announcements[static_cast<std::size_t>(message.n)]);
    committed.messages.push_back(std::move(message));
  }
  std::ranges::sort(committed.messages, {}, &Outgoing::n);
  return committed;
}

}  // namespace

struct PostgresStore::Parts {
  Parts(const boost::asio::any_io_executor& executor, const postgres::PoolOptions& options, Trouble trouble)
      : pool(executor, options), presence(std::in_place, executor, options.connection), trouble(std::move(trouble)) {}

  /// The answers, or the failure in the port's words.
  awaitable<Result<std::vector<Rows>>> run(Calls calls) {
    auto answers = co_await pool.run(std::move(calls));
    if (!answers) co_return fail(store::error_of(answers.error()));
    co_return std::move(*answers);
  }
  awaitable<Result<Rows>> run(const postgres::Statement& statement, Parameters parameters) {
    Calls calls;
    calls.push_back({&statement, std::move(parameters)});
    auto answers = co_await run(std::move(calls));
    if (!answers) co_return fail(answers.error());
    co_return std::move((*answers)[0]);
  }
  awaitable<Result<Error>> in_the_way(const NewRun& run, const std::string& collection);
  awaitable<bool> adopt(const store::ForeignRun& run, std::int32_t retries_lost);
  awaitable<void> refuse(const store::ForeignRun& run, Error why);

  postgres::Pool pool;
  std::optional<store::Presence> presence;  // none: closed
  Trouble trouble;
};

PostgresStore::PostgresStore(boost::asio::any_io_executor executor, postgres::PoolOptions options, Trouble trouble)
    : parts_(std::make_unique<Parts>(executor, options, std::move(trouble))) {}
PostgresStore::~PostgresStore() = default;

// ---- projects -----------------------------------------------------------------------------------------------------------

awaitable<Result<void>> PostgresStore::put_project(ProjectDocument project) {
  Calls calls;
  calls.push_back({&sql::make_user, Parameters(project.user.value())});
  calls.push_back({&sql::make_project, Parameters(project.id.value())});
  calls.push_back({&sql::put_project, Parameters(project.id.value(), project.user.value(), project.name, project.document)});
  auto answers = co_await parts_->run(std::move(calls));
  if (!answers) co_return fail(answers.error());
  if ((*answers)[2].empty()) co_return fail(core::project_of_another(project.id));
  co_return Result<void>();
}

awaitable<Result<ProjectDocument>> PostgresStore::project(ProjectId id) {
  auto rows = co_await parts_->run(sql::project, Parameters(id.value()));
  if (!rows) co_return fail(rows.error());
  if (rows->empty()) co_return fail(core::project_not_found(id));
  auto row = (*rows)[0];
  ProjectDocument project;
  project.id = ProjectId(std::string(row.text()));
  project.user = UserId(row.number());
  project.name = row.text();
  project.document = row.text();
  co_return project;
}

awaitable<Result<void>> PostgresStore::restamp(ProjectId project, std::vector<Restamped> successes) {
  auto rows = co_await parts_->run(sql::restamp, store::restamp_parameters(project, successes));
  if (!rows) co_return fail(rows.error());
  co_return Result<void>();
}

// ---- starting -----------------------------------------------------------------------------------------------------------

awaitable<Result<Error>> PostgresStore::Parts::in_the_way(const NewRun& run, const std::string& collection) {
  auto rows = co_await this->run(sql::in_the_way, Parameters(run.uuid.value(), run.project.value(), collection));
  if (!rows) co_return fail(rows.error());
  if (rows->empty()) co_return Error{};
  auto row = (*rows)[0];
  const auto why = row.number();
  const auto key = store::read_key(row);
  if (why == 0) {
    co_return Error{.code = "store.bad_run", .what = "another run has this uuid", .where = core::to_text(key), .way_out = {}};
  }
  co_return why == 1 ? core::collection_exists(key) : core::run_exists(key);
}

awaitable<Result<RunKey>> PostgresStore::create_run(NewRun run) {
  if (auto bad = core::check_new_run(run.uuid, run.tasks, run.project_nodes)) co_return fail(std::move(*bad));
  const auto collection = run.collection.empty() ? run.uuid.value() : run.collection;
  // Two that start at once may hit each other's rows, and find nothing in the way when they look.
  for (int tries = 1;; ++tries) {
    auto answers = co_await parts_->pool.run(store::calls_to_create(run, collection));
    if (!answers && answers.error().state != "23505") co_return fail(store::error_of(answers.error()));
    if (answers && !(*answers)[store::created_answer].empty()) {
      auto row = (*answers)[store::created_answer][0];
      row.skip();
      co_return RunKey{run.user, run.project, Iteration(row.number())};
    }
    auto reason = co_await parts_->in_the_way(run, collection);
    if (!reason) co_return fail(reason.error());
    if (!reason->code.empty()) co_return fail(std::move(*reason));
    if (tries == 5) {
      co_return fail({.code = "store.unavailable",
                      .what = "others start runs of project '" + run.project.value() + "' at the same time",
                      .where = run.project.value(),
                      .way_out = "try again"});
    }
  }
}

awaitable<Result<Woken>> PostgresStore::wake(RunKey run, std::vector<JobId> jobs) {
  Calls calls;
  if (!jobs.empty()) {
    std::vector<std::string> names;
    for (const auto& job : jobs) names.push_back(job.value());
    calls.push_back({&sql::lock_run, key_parameters(run)});
    calls.push_back({&sql::owe_releases, of_run(run, names)});
  }
  calls.push_back({&sql::wake, key_parameters(run)});
  auto answers = co_await parts_->run(std::move(calls));
  if (!answers) co_return fail(answers.error());
  co_return woken_from(run, answers->back());
}

awaitable<Result<Woken>> PostgresStore::desire(RunKey run, core::Desire desire) {
  auto rows = co_await parts_->run(sql::desire, of_run(run, std::string(core::to_text(desire))));
  if (!rows) co_return fail(rows.error());
  co_return woken_from(run, *rows);
}

// ---- the pass -----------------------------------------------------------------------------------------------------------

awaitable<Result<core::Ticket>> PostgresStore::begin_pass(BeginPass pass) {
  Calls calls;
  if (core::mutant(core::Mutant::view_read_back)) co_await parts_->run(read_view_back, key_parameters(pass.run));
  calls.push_back({&sql::begin_pass, of_run(pass.run, pass.replica.value(), pass.excused,
                                            pass.failure.empty() ? std::string() : ": " + pass.failure)});
  calls.push_back({&sql::changed_tasks, of_run(pass.run, pass.known.value())});
  if (pass.known == Fence::none()) {
    calls.push_back({&sql::steps, key_parameters(pass.run)});
    calls.push_back({&sql::definitions, key_parameters(pass.run)});
  }
  auto answers = co_await parts_->run(std::move(calls));
  if (!answers) co_return fail(answers.error());
  if (!(*answers)[0].empty()) co_return ticket_from(pass, *answers);
  const auto rows = co_await parts_->run(sql::run, key_parameters(pass.run));
  if (!rows) co_return fail(rows.error());
  co_return fail(rows->empty() ? core::run_not_found(pass.run) : core::run_is_foreign(pass.run));
}

awaitable<Result<Committed>> PostgresStore::commit(core::Ticket ticket, core::Decision decision) {
  auto commit = store::calls_to_commit(ticket, decision);
  auto answers = co_await parts_->run(std::move(commit.calls));
  if (!answers) co_return fail(answers.error());
  if (!(*answers)[0].empty()) co_return committed_from(ticket, decision, commit, *answers);
  if (core::mutant(core::Mutant::commit_unchecked)) co_return Committed{};
  auto newer = co_await parts_->run(sql::who_is_newer, Parameters(ticket.run.value()));
  if (!newer) co_return fail(newer.error());
  if (newer->empty()) co_return fail(core::run_fenced({}, false));
  auto row = (*newer)[0];
  const auto key = store::read_key(row);
  co_return fail(core::run_fenced(key, row.truth()));
}

awaitable<Result<void>> PostgresStore::write_progress(std::vector<ProgressWrite> writes) {
  for (std::size_t at = 0; at < writes.size(); at += set_max) {
    const auto first = writes.begin() + static_cast<std::ptrdiff_t>(at);
    const auto count = std::min(set_max, writes.size() - at);
    const std::vector<ProgressWrite> batch(first, first + static_cast<std::ptrdiff_t>(count));
    auto written = co_await parts_->run(sql::write_progress, store::progress_parameters(batch));
    if (!written) co_return fail(written.error());
  }
  co_return Result<void>();
}

// ---- the manager --------------------------------------------------------------------------------------------------------

awaitable<void> PostgresStore::Parts::refuse(const store::ForeignRun& run, Error why) {
  const auto refused = co_await this->run(sql::refuse_run, Parameters(run.id.value(), why.what));
  why.where = core::to_text(run.key);
  if (refused && !refused->empty() && trouble) trouble(why);
}

// By itself: what is wrong with one run is nothing to the others. One that could not be written just now is found by the next look.
awaitable<bool> PostgresStore::Parts::adopt(const store::ForeignRun& run, std::int32_t retries_lost) {
  const auto rows = co_await this->run(sql::foreign_tasks, Parameters(run.id.value(), run.key.project.value()));
  if (!rows) co_return false;
  store::ReferenceRun told{.dag = run.dag, .nodes = {}, .retries_lost = retries_lost};
  for (auto row : *rows) told.nodes.push_back(store::read_reference_row(row));
  const auto tasks = store::tasks_of(told);
  if (!tasks) {
    co_await refuse(run, tasks.error());
    co_return false;
  }
  auto calls = store::calls_to_adopt(run, *tasks);
  calls.insert(calls.begin(), {&short_wait, Parameters()});
  const auto answers = co_await pool.run(std::move(calls));
  if (answers) co_return !(*answers)[1].empty();
  const auto& failure = answers.error();
  if (failure.state == "23505") co_return false;  // somebody starts a run of the project just now
  // Of a value that the tables do not take the rows are to blame; of all else (rights, disk, locks) somebody else is, and it is tried again.
  const bool is_of_its_rows =
      failure.state.starts_with("22") || failure.state.starts_with("23") || failure.state.starts_with("54");
  if (is_of_its_rows) {
    co_await refuse(run, store::not_adopted("the database refuses it: " + failure.message));
  } else if (trouble) {
    auto error = store::error_of(failure);
    error.where = core::to_text(run.key);
    trouble(error);
  }
  co_return false;
}

awaitable<Result<std::vector<RunKey>>> PostgresStore::adopt(std::int32_t retries_lost) {
  auto rows = co_await parts_->run(sql::foreign_runs, Parameters(adopted_max));
  if (!rows) co_return fail(rows.error());
  std::vector<RunKey> adopted;
  for (auto row : *rows) {
    const auto run = store::read_foreign_run(row);
    const auto is_ours = co_await parts_->adopt(run, retries_lost);
    if (is_ours) adopted.push_back(run.key);
  }
  co_return adopted;
}

awaitable<Result<std::vector<RunKey>>> PostgresStore::due(DuePolicy policy, std::size_t max) {
  auto rows = co_await parts_->run(
      sql::due, Parameters(std::int64_t{policy.revisit.count()}, std::int64_t{policy.lost.count()}, limit(max)));
  if (!rows) co_return fail(rows.error());
  co_return list_of<RunKey>(*rows, store::read_key);
}

awaitable<Result<void>> PostgresStore::join(ReplicaId replica) { return parts_->presence->join(std::move(replica)); }
awaitable<Result<void>> PostgresStore::join_at(KeeperPlace keeper, ReplicaId replica, std::function<void(const Error&)> refused) {
  return parts_->presence->join(std::move(replica), std::move(keeper), std::move(refused));
}
awaitable<Result<void>> PostgresStore::leave(ReplicaId replica) { return parts_->presence->leave(std::move(replica)); }

awaitable<Result<std::vector<RunKey>>> PostgresStore::orphans(std::size_t max) {
  auto rows = co_await parts_->run(sql::orphans, Parameters(limit(max)));
  if (!rows) co_return fail(rows.error());
  co_return list_of<RunKey>(*rows, store::read_key);
}

awaitable<Result<bool>> PostgresStore::is_gone(ReplicaId replica) {
  auto rows = co_await parts_->run(sql::is_gone, Parameters(replica.value()));
  if (!rows) co_return fail(rows.error());
  co_return (*rows)[0].truth();
}

awaitable<Result<Crowd>> PostgresStore::crowd() {
  Calls calls;
  calls.push_back({&sql::crowd, Parameters()});
  calls.push_back({&sql::in_line, Parameters()});
  auto answers = co_await parts_->run(std::move(calls));
  if (!answers) co_return fail(answers.error());
  co_return understood([&] {
    Crowd crowd;
    for (auto row : (*answers)[0]) {
      auto& waiting = crowd.runs.emplace_back();
      waiting.run = store::read_key(row);
      waiting.jobs = static_cast<std::uint32_t>(row.number());
    }
    for (auto row : (*answers)[1]) {
      const UserId user(row.number());
      crowd.in_line[user] = static_cast<std::uint32_t>(row.number());
    }
    return crowd;
  });
}

awaitable<Result<std::vector<RunKey>>> PostgresStore::give_turns(UserId user, std::uint32_t waiting_max) {
  auto rows = co_await parts_->run(sql::give_turns, Parameters(user.value(), std::int64_t{waiting_max}));
  if (!rows) co_return fail(rows.error());
  co_return list_of<RunKey>(*rows, store::read_key);
}

awaitable<Result<std::size_t>> PostgresStore::forget_ended(core::Duration age, std::size_t max) {
  auto rows = co_await parts_->run(sql::forget_ended, Parameters(std::int64_t{age.count()}, limit(max)));
  if (!rows) co_return fail(rows.error());
  co_return static_cast<std::size_t>(rows->size());
}

awaitable<Result<std::vector<RunView>>> PostgresStore::held(std::size_t max) {
  auto rows = co_await parts_->run(sql::held, Parameters(limit(max)));
  if (!rows) co_return fail(rows.error());
  co_return list_of<RunView>(*rows, store::read_run);
}

awaitable<Result<Woken>> PostgresStore::release_held(RunKey run) {
  auto rows = co_await parts_->run(sql::release_held, key_parameters(run));
  if (!rows) co_return fail(rows.error());
  co_return woken_from(run, *rows);
}

// ---- the relay ----------------------------------------------------------------------------------------------------------

awaitable<Result<std::vector<Outgoing>>> PostgresStore::outbox(core::Duration age, std::size_t max) {
  auto rows = co_await parts_->run(sql::outbox, Parameters(std::int64_t{age.count()}, limit(max)));
  if (!rows) co_return fail(rows.error());
  co_return list_of<Outgoing>(*rows, store::read_message);
}

awaitable<Result<void>> PostgresStore::told(std::vector<MessageId> messages) {
  if (messages.empty()) co_return Result<void>();
  std::vector<std::int64_t> numbers, fences;
  for (const auto& name : messages) {
    numbers.push_back(name.number);
    fences.push_back(name.fence.value());
  }
  Calls calls;
  calls.push_back({&no_flush, Parameters()});  // lost, they are told again: at least once
  for (const auto* statement : {&sql::lock_told, &sql::close_told, &sql::remove_told})
    calls.push_back({statement, Parameters(numbers, fences)});
  auto answers = co_await parts_->run(std::move(calls));
  if (!answers) co_return fail(answers.error());
  co_return Result<void>();
}

// ---- reading ------------------------------------------------------------------------------------------------------------

awaitable<Result<std::vector<RunKey>>> PostgresStore::changed(std::vector<Watched> runs) {
  if (runs.empty()) co_return std::vector<RunKey>();
  std::vector<std::int64_t> users, iterations, known;
  std::vector<std::string> projects;
  for (const auto& watched : runs) {
    users.push_back(watched.run.user.value());
    projects.push_back(watched.run.project.value());
    iterations.push_back(watched.run.iteration.value());
    known.push_back(watched.known.value());
  }
  auto rows = co_await parts_->run(sql::changed_runs, Parameters(users, projects, iterations, known));
  if (!rows) co_return fail(rows.error());
  co_return list_of<RunKey>(*rows, store::read_key);
}

awaitable<Result<std::vector<RunView>>> PostgresStore::runs(ProjectId project, std::size_t max) {
  auto rows = co_await parts_->run(sql::runs, Parameters(project.value(), limit(max)));
  if (!rows) co_return fail(rows.error());
  co_return list_of<RunView>(*rows, store::read_run);
}

awaitable<Result<RunView>> PostgresStore::run(RunKey run) {
  auto rows = co_await parts_->run(sql::run, key_parameters(run));
  if (!rows) co_return fail(rows.error());
  if (rows->empty()) co_return fail(core::run_not_found(run));
  co_return understood([&] {
    auto row = (*rows)[0];
    return store::read_run(row);
  });
}

awaitable<Result<std::vector<TaskView>>> PostgresStore::tasks(RunKey run, Fence since) {
  Calls calls;
  calls.push_back({&sql::run, key_parameters(run)});
  calls.push_back({&sql::tasks, of_run(run, since.value())});
  auto answers = co_await parts_->run(std::move(calls));
  if (!answers) co_return fail(answers.error());
  if ((*answers)[0].empty()) co_return fail(core::run_not_found(run));
  co_return list_of<TaskView>((*answers)[1], store::read_task);
}

awaitable<Result<std::vector<core::AttemptRecord>>> PostgresStore::attempts(RunKey run, std::optional<NodeId> node) {
  Calls calls;
  calls.push_back({&sql::run, key_parameters(run)});
  calls.push_back({&sql::attempts, of_run(run, node ? std::optional(node->value()) : std::nullopt)});
  auto answers = co_await parts_->run(std::move(calls));
  if (!answers) co_return fail(answers.error());
  if ((*answers)[0].empty()) co_return fail(core::run_not_found(run));
  co_return list_of<core::AttemptRecord>((*answers)[1], store::read_attempt);
}

awaitable<Result<std::shared_ptr<const core::RunDefinition>>> PostgresStore::definition(RunKey run) {
  Calls calls;
  for (const auto* statement : {&sql::run, &sql::steps, &sql::definitions}) calls.push_back({statement, key_parameters(run)});
  auto answers = co_await parts_->run(std::move(calls));
  if (!answers) co_return fail(answers.error());
  if ((*answers)[0].empty()) co_return fail(core::run_not_found(run));
  auto row = (*answers)[0][0];
  const auto view = understood([&] { return store::read_run(row); });
  if (!view) co_return fail(view.error());
  if (view->uuid.value().empty()) co_return fail(core::run_is_foreign(run));
  co_return understood([&] { return store::read_definition(*view, (*answers)[1], (*answers)[2]); });
}

awaitable<Result<std::vector<NodeView>>> PostgresStore::nodes(ProjectId project) {
  auto rows = co_await parts_->run(sql::nodes, Parameters(project.value()));
  if (!rows) co_return fail(rows.error());
  co_return list_of<NodeView>(*rows, store::read_node);
}

// ---- the connections ----------------------------------------------------------------------------------------------------

awaitable<Result<void>> PostgresStore::ping() {
  auto rows = co_await parts_->run(sql::ping, Parameters());
  if (!rows) co_return fail(rows.error());
  co_return Result<void>();
}

awaitable<Result<PostgresStore::Backlog>> PostgresStore::backlog() {
  Calls calls;
  calls.push_back({&sql::backlog, Parameters()});
  calls.push_back({&sql::jobs_by_state, Parameters()});
  calls.push_back({&sql::open_by_user, Parameters()});
  auto answers = co_await parts_->run(std::move(calls));
  if (!answers) co_return fail(answers.error());
  co_return understood([&] {
    auto row = (*answers)[0][0];
    Backlog backlog;
    backlog.open = row.number();
    backlog.without_wake_at = row.number();
    backlog.held = row.number();
    backlog.pending = row.number();
    backlog.oldest_pending_seconds = row.real();
    backlog.oldest_message_seconds = row.real();
    backlog.messages = row.number();
    for (auto state : (*answers)[1]) {
      const auto which = store::read_state(state);
      backlog.jobs[which] = state.number();
    }
    for (auto of : (*answers)[2]) {
      const UserId user(of.number());
      backlog.open_of[user] = of.number();
    }
    return backlog;
  });
}

awaitable<void> PostgresStore::close() {
  parts_->presence.reset();
  co_await parts_->pool.close();
}

postgres::Pool::Figures PostgresStore::figures() const { return parts_->pool.figures(); }

}  // namespace baton
