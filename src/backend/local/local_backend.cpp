#include "backend/local/local_backend.hpp"

#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <fstream>
#include <set>
#include <unordered_map>

#include "backend/local/collect.hpp"
#include "backend/local/link.hpp"
#include "backend/local/processes.hpp"
#include "backend/local/progress.hpp"
#include "backend/local/publish.hpp"
#include "backend/local/ticket.hpp"
#include "backend/local/turn.hpp"

extern char** environ;

namespace baton::local {
namespace asio = boost::asio;
namespace {

using core::Seen;

constexpr core::Duration answer_patience = std::chrono::seconds(5);
/// A begin is told that much later: most jobs that end sooner cost one wake-up instead of two.
constexpr core::Duration begin_delay = std::chrono::milliseconds(50);
/// Ends are gathered for so long while the keeper has enough to begin by itself: a pass then takes many of them. With less to begin, an end is
/// told at once, since what follows it may be all that there is.
constexpr core::Duration gather_pause = std::chrono::milliseconds(5);
constexpr std::uint32_t backlog_per_slot = 8;
constexpr core::Duration progress_pause = std::chrono::milliseconds(500);
/// How long to wait for another replica to collect an end; doubles. What it finds comes as its push sooner, as a rule.
constexpr core::Duration turn_pause_min = std::chrono::milliseconds(2);
constexpr core::Duration turn_pause_max = std::chrono::milliseconds(100);

Error unavailable(const std::string& why) {
  return {.code = "backend.unavailable",
          .what = "the keeper of local jobs does not answer" + (why.empty() ? why : ": " + why),
          .way_out = "look at keeper.err in the state directory"};
}

void rethrow(std::exception_ptr thrown) {
  if (thrown) std::rethrow_exception(thrown);
}

bool is_final(Seen seen) {
  return seen == Seen::barred || seen == Seen::dead || seen == Seen::done || seen == Seen::erred || seen == Seen::unknown;
}

/// Of a success that was released: not before the keeper has said so, since another replica may collect it until then.
void remove_leftovers(const Ticket& ticket) {
  ::unlink(ticket.outputs_file().c_str());
  forget_publication(ticket.work);
}

std::map<std::string, double> capacity_of(const LocalOptions& options) {
  auto capacity = options.resources;
  capacity.try_emplace("cpu", static_cast<double>(options.slots));
  return capacity;
}

}  // namespace

/// What this Baton follows: per run its jobs, each with its newest news under a number that only grows.
class LocalBackend::Followed : public std::enable_shared_from_this<Followed> {
 public:
  Followed(Runtime& runtime, asio::any_io_executor executor, LocalOptions options)
      : runtime_(runtime), executor_(std::move(executor)), options_(std::move(options)), pushed_(runtime.event()) {}

  void begin();
  awaitable<Result<void>> submit(std::vector<core::Job> jobs);
  awaitable<Observed> observe(core::RunKey run, std::vector<JobId> ask, Cursor after);
  awaitable<Result<void>> say(core::RunKey run, Request request, std::vector<JobId> jobs, bool gives_up_sending);
  awaitable<Result<void>> release(core::RunKey run, std::vector<JobId> jobs);
  void unfollow(const core::RunKey& run, const std::vector<JobId>& jobs);
  void forget_run(const core::RunKey& run);
  awaitable<Result<std::vector<Push>>> pushes();
  std::vector<JobProgress> take_progress() { return std::exchange(progress_, {}); }
  [[nodiscard]] std::uint32_t slots() const { return options_.slots; }
  [[nodiscard]] std::uint64_t claims_refused() const { return claims_refused_; }
  void close();

 private:
  struct Job {
    core::RunKey run;
    std::shared_ptr<const Ticket> ticket;  ///< null: not known yet
    std::shared_ptr<const Spec> spec;      ///< handed over and not heard of: sent again when the line was lost
    Seen seen = Seen::queued;
    std::uint64_t number = 0;  ///< of its newest news; 0: none yet
    std::optional<core::Instant> started;
    std::uint64_t collecting = 0;  ///< number of the collecting whose end is awaited; 0: none
    bool released = false;         ///< by another replica, while we collected
    std::shared_ptr<const core::JobEnd> end;
    std::optional<LogTail> tail;
  };
  struct Run {
    std::uint64_t last = 0;                     ///< number of its newest news
    std::map<std::uint64_t, std::string> news;  ///< number -> job
    std::set<std::uint64_t> forgotten;          ///< of these news, those that say `unknown`: dropped once they are told
    std::set<std::string> unheard;              ///< jobs without news
    std::uint64_t shown = 0;                    ///< the newest news that a pass has seen
  };
  struct Question {
    core::RunKey run;
    std::unique_ptr<Event> answered;
    std::set<std::string> unknown;  ///< jobs that neither we nor the keeper know
    bool done = false;
  };

  // ---- the line -----------------------------------------------------------------------------------------------------------
  std::string greet();
  void heard(Response response);
  bool lost();
  awaitable<std::optional<std::set<std::string>>> ask(core::RunKey run, std::vector<std::string> ids);
  void adopt(Question& question, const std::vector<Report>& reports);

  // ---- news ---------------------------------------------------------------------------------------------------------------
  Job& job_of(const core::RunKey& run, const std::string& id);
  void take(const Report& report);
  void note(const std::string& id, Job& job, Seen seen, bool at_once);
  void collect_end(const std::string& id, Job& job, const Report& report);
  static awaitable<void> collect_slowly(std::shared_ptr<Followed> self, std::string id, std::shared_ptr<const Ticket> ticket,
                                        std::uint64_t number, Report report, std::optional<Turn> turn);
  [[nodiscard]] bool awaits(const std::string& id, std::uint64_t number) const;
  void collected(const std::string& id, core::JobEnd end);
  [[nodiscard]] core::Observation observation(const std::string& id, const Job& job) const;
  void push(const core::RunKey& run, const std::string& id, bool at_once);
  void tell();
  [[nodiscard]] bool has_backlog() const { return queued_ >= options_.slots * backlog_per_slot; }
  static awaitable<void> push_gathered(std::shared_ptr<Followed> self);
  static awaitable<void> push_later(std::shared_ptr<Followed> self);
  static awaitable<void> watch_progress(std::shared_ptr<Followed> self);
  void read_progress(const std::string& id, Job& job);

  Runtime& runtime_;
  asio::any_io_executor executor_;
  const LocalOptions options_;
  const std::vector<std::string> own_folders_{options_.state, options_.out};
  const std::string no_inputs_ = options_.state + "/no-inputs.json";
  std::shared_ptr<Link> link_;
  std::unordered_map<std::string, Job> jobs_;  // looked up; walked only to find what the keeper is to be told again
  std::map<core::RunKey, Run> runs_;
  std::uint64_t numbered_ = 0;  ///< news of all runs: a run that is followed anew goes on above its old cursors
  std::uint64_t collectings_ = 0;
  std::map<std::uint64_t, Question*> questions_;
  std::uint64_t next_token_ = 1;
  std::map<core::RunKey, std::set<std::string>> ready_pushes_, late_pushes_;
  std::unique_ptr<Event> pushed_;
  std::set<std::string> watched_;  ///< jobs that run: their logs are read for progress
  std::vector<JobProgress> progress_;
  std::uint64_t claims_refused_ = 0;
  std::uint32_t queued_ = 0;  ///< of our jobs: handed over and not begun
  bool told_ = false;         ///< ready_pushes_ are to be given away
  bool late_timer_ = false, gather_timer_ = false, progress_timer_ = false, closed_ = false;
};

void LocalBackend::Followed::begin() {
  make_folders(options_.state);
  std::ofstream(no_inputs_) << "{}\n";
  const std::weak_ptr<Followed> weak = weak_from_this();
  link_ = std::make_shared<Link>(executor_, runtime_, LinkOptions{.state = options_.state, .keeper = options_.keeper},
                                 Link::Handlers{.up =
                                                    [weak] {
                                                      const auto self = weak.lock();
                                                      return self ? self->greet() : std::string();
                                                    },
                                                .heard =
                                                    [weak](Response response) {
                                                      if (const auto self = weak.lock()) self->heard(std::move(response));
                                                    },
                                                .down =
                                                    [weak] {
                                                      const auto self = weak.lock();
                                                      return self && self->lost();
                                                    }});
}

void LocalBackend::Followed::close() {
  closed_ = true;
  link_->close();
  pushed_->notify();
  for (auto& [token, question] : questions_) question->answered->notify();
}

// ---- the line -------------------------------------------------------------------------------------------------------------------
/// What a keeper has to know first; and, of a new one, what became of all that we follow. What was handed over and never heard of is
/// handed over again: the journal keeps it from beginning twice.
std::string LocalBackend::Followed::greet() {
  auto words =
      encode(Request(Hello{.slots = options_.slots, .capacity = capacity_of(options_), .environment = options_.environment}));
  Begin begin;
  Query query;
  for (const auto& [id, job] : jobs_) {
    if (is_final(job.seen) || job.seen == Seen::finished) continue;
    if (job.spec) begin.jobs.push_back(*job.spec);
    query.jobs.push_back(id);
  }
  if (!begin.jobs.empty()) words += encode(Request(std::move(begin)));
  words += encode(Request(std::move(query)));  // of no job too: its answer is the keeper's first word
  return words;
}

void LocalBackend::Followed::heard(Response response) {
  if (closed_) return;
  if (const auto* news = std::get_if<News>(&response)) {
    for (const auto& report : news->reports) take(report);
    return;
  }
  const auto& answer = std::get<Answer>(response);
  if (answer.token == 0) {
    for (const auto& report : answer.reports) take(report);
    return;
  }
  const auto question = questions_.find(answer.token);
  if (question == questions_.end()) return;
  adopt(*question->second, answer.reports);
  question->second->done = true;
  question->second->answered->notify();
}

/// At once, not when the one who asked goes on: the news that follow the answer in the line are of jobs that are known by then.
void LocalBackend::Followed::adopt(Question& question, const std::vector<Report>& reports) {
  for (const auto& report : reports) {
    if (report.status == Status::unknown && !jobs_.contains(report.id)) {
      question.unknown.insert(report.id);
      continue;
    }
    job_of(question.run, report.id);
    take(report);
  }
}

bool LocalBackend::Followed::lost() {
  for (auto& [token, question] : questions_) question->answered->notify();
  for (const auto& [id, job] : jobs_)
    if (!is_final(job.seen) && job.seen != Seen::finished) return !closed_;
  return false;
}

/// The jobs that the keeper does not know either. Nothing: no answer.
awaitable<std::optional<std::set<std::string>>> LocalBackend::Followed::ask(core::RunKey run, std::vector<std::string> ids) {
  const bool up = co_await link_->wait_up(answer_patience);
  if (!up) co_return std::nullopt;
  const auto token = next_token_++;
  Question question{.run = std::move(run), .answered = runtime_.event(), .unknown = {}};
  questions_[token] = &question;
  link_->send(Query{.token = token, .jobs = std::move(ids)});
  co_await question.answered->wait_for(answer_patience);
  questions_.erase(token);
  if (!question.done) co_return std::nullopt;
  co_return std::move(question.unknown);
}

// ---- what the scheduler says ------------------------------------------------------------------------------------------------------
awaitable<Result<void>> LocalBackend::Followed::submit(std::vector<core::Job> jobs) {
  const auto self = shared_from_this();
  const bool up = co_await link_->wait_up(answer_patience);
  if (!up) co_return fail(unavailable(link_->why_down()));
  const auto folder = options_.state + "/runs";
  Begin begin;
  for (const auto& job : jobs) {
    auto& known = job_of(job.run, job.id.value());
    if (is_final(known.seen) && known.seen != Seen::unknown) continue;  // its news are there already
    known.ticket = std::make_shared<const Ticket>(ticket_of(job, folder, options_.out, options_.by_project));
    known.spec = std::make_shared<const Spec>(spec_of(job, *known.ticket, no_inputs_));
    if (known.number == 0 || known.seen == Seen::unknown) note(job.id.value(), known, Seen::queued, false);
    begin.jobs.push_back(*known.spec);
  }
  link_->send(std::move(begin));
  co_return Result<void>();
}

awaitable<Observed> LocalBackend::Followed::observe(core::RunKey run, std::vector<JobId> ask_for, Cursor after) {
  const auto self = shared_from_this();
  std::map<std::string, core::Observation> seen;
  std::vector<std::string> strange;
  bool answered = true;
  for (const auto& id : ask_for)
    if (const auto job = jobs_.find(id.value()); job == jobs_.end() || job->second.ticket == nullptr)
      strange.push_back(id.value());
  if (!strange.empty()) {
    const auto unknown = co_await ask(run, strange);
    answered = unknown.has_value();
    for (const auto& id : strange)
      seen[id] = {.job = JobId(id), .seen = unknown && unknown->contains(id) ? Seen::unknown : Seen::silent};
  }
  const auto there = runs_.find(run);
  Observed observed{.cursor = {std::max(after.value, there == runs_.end() ? 0 : there->second.last)}};
  if (there != runs_.end()) {
    auto& news = there->second.news;
    auto& forgotten = there->second.forgotten;
    while (!forgotten.empty() && *forgotten.begin() <= after.value) {  // released, told, and the telling committed
      const auto old = news.find(*forgotten.begin());
      jobs_.erase(old->second);
      news.erase(old);
      forgotten.erase(forgotten.begin());
    }
    there->second.shown = observed.cursor.value;
    for (auto at = news.upper_bound(after.value); at != news.end(); ++at)
      seen[at->second] = observation(at->second, jobs_.at(at->second));
  }
  for (const auto& id : ask_for)
    if (const auto job = jobs_.find(id.value()); job != jobs_.end()) {
      auto answer = observation(id.value(), job->second);
      if (!link_->is_up() && !is_final(answer.seen) && answer.seen != Seen::finished) {
        answer.seen = Seen::silent;
        answered = false;
      }
      seen[id.value()] = std::move(answer);
    } else {
      seen.try_emplace(id.value(), core::Observation{.job = id, .seen = Seen::unknown});  // told before, and just now forgotten
    }
  for (auto& [id, observation] : seen) observed.news.push_back(std::move(observation));
  if (!answered) observed.trouble = unavailable(link_->why_down());
  co_return observed;
}

awaitable<Result<void>> LocalBackend::Followed::say(core::RunKey run, Request request, std::vector<JobId> jobs,
                                                    bool gives_up_sending) {
  const auto self = shared_from_this();
  const bool up = co_await link_->wait_up(answer_patience);
  if (!up) co_return fail(unavailable(link_->why_down()));
  for (const auto& id : jobs) {
    auto& job = job_of(run, id.value());
    if (gives_up_sending) job.spec = nullptr;  // it must not begin any more: never handed over again
  }
  link_->send(request);
  co_return Result<void>();
}

awaitable<Result<void>> LocalBackend::Followed::release(core::RunKey run, std::vector<JobId> jobs) {
  const auto self = shared_from_this();
  Forget forget;
  for (const auto& id : jobs) forget.jobs.push_back(id.value());
  auto done = co_await say(run, std::move(forget), std::move(jobs), false);
  co_return done;
}

void LocalBackend::Followed::unfollow(const core::RunKey& run, const std::vector<JobId>& jobs) {
  const auto followed = runs_.find(run);
  if (followed == runs_.end()) return;
  for (const auto& job : jobs) {
    const auto& id = job.value();
    const auto found = jobs_.find(id);
    if (found == jobs_.end() || found->second.run != run) continue;
    if (found->second.seen == Seen::finished || is_final(found->second.seen)) continue;
    if (found->second.number != 0 && found->second.seen == Seen::queued) --queued_;
    followed->second.news.erase(found->second.number);
    followed->second.forgotten.erase(found->second.number);
    followed->second.unheard.erase(id);
    jobs_.erase(found);
    watched_.erase(id);
    for (auto* pushes : {&ready_pushes_, &late_pushes_})
      if (const auto pushed = pushes->find(run);
          pushed != pushes->end() && pushed->second.erase(id) > 0 && pushed->second.empty())
        pushes->erase(pushed);
    std::erase_if(progress_, [&job](const JobProgress& told) { return told.job == job; });
  }
}

void LocalBackend::Followed::forget_run(const core::RunKey& run) {
  const auto followed = runs_.find(run);
  if (followed == runs_.end()) return;
  auto& [last, news, forgotten, unheard, shown] = followed->second;
  for (const auto number : forgotten) {
    jobs_.erase(news.at(number));
    news.erase(number);
  }
  forgotten.clear();
  if (news.empty() && unheard.empty()) runs_.erase(followed);
}

// ---- news ---------------------------------------------------------------------------------------------------------------------------
LocalBackend::Followed::Job& LocalBackend::Followed::job_of(const core::RunKey& run, const std::string& id) {
  const auto [at, fresh] = jobs_.try_emplace(id);
  if (fresh) {
    at->second.run = run;
    runs_[run].unheard.insert(id);
  }
  return at->second;
}

void LocalBackend::Followed::take(const Report& report) {
  const auto found = jobs_.find(report.id);
  if (found == jobs_.end()) return;  // of another Baton
  auto& job = found->second;
  if (job.ticket == nullptr && !report.ticket.empty())
    if (auto ticket = decode_ticket(report.ticket)) job.ticket = std::make_shared<const Ticket>(std::move(*ticket));
  if (job.seen == Seen::finished) {
    job.released = job.released || report.status == Status::unknown;
    return;
  }
  if (is_final(job.seen) && job.seen != Seen::unknown && report.status != Status::unknown) return;
  if (report.status == Status::barred && job.spec) ++claims_refused_;
  if (report.status != Status::queued && report.status != Status::lacking) job.spec = nullptr;
  if (report.started_us != 0) job.started = core::Instant(core::Duration(report.started_us));
  switch (report.status) {
    case Status::unknown:
      if (job.seen == Seen::done) remove_leftovers(*job.ticket);
      return note(report.id, job, Seen::unknown, false);
    case Status::queued: return note(report.id, job, Seen::queued, false);
    case Status::lacking: return note(report.id, job, Seen::lacking, false);
    case Status::running: return note(report.id, job, Seen::running, false);
    case Status::barred: return note(report.id, job, Seen::barred, true);
    case Status::dead: return note(report.id, job, Seen::dead, true);
    case Status::ended: return collect_end(report.id, job, report);
  }
}

void LocalBackend::Followed::note(const std::string& id, Job& job, Seen seen, bool at_once) {
  if (job.number != 0 && job.seen == Seen::queued) --queued_;
  if (seen == Seen::queued) ++queued_;
  job.seen = seen;
  auto& run = runs_[job.run];
  run.news.erase(job.number);
  run.forgotten.erase(job.number);
  run.unheard.erase(id);
  job.number = run.last = ++numbered_;
  run.news.emplace_hint(run.news.end(), job.number, id);
  if (seen == Seen::unknown) run.forgotten.insert(job.number);
  if (seen == Seen::running) {
    watched_.insert(id);
    if (!std::exchange(progress_timer_, true)) asio::co_spawn(executor_, watch_progress(shared_from_this()), rethrow);
  } else {
    watched_.erase(id);
  }
  push(job.run, id, at_once);
}

void LocalBackend::Followed::collect_end(const std::string& id, Job& job, const Report& report) {
  if (job.ticket == nullptr) return note(id, job, Seen::dead, true);  // a journal of another version: nothing can be collected
  read_progress(id, job);
  const auto number = job.collecting = ++collectings_;
  job.released = false;
  auto turn = Turn::take(options_.state, id);
  if (turn && is_quick(*job.ticket, report)) {
    auto end = collect(*job.ticket, report, own_folders_);
    if (end.kind != core::EndKind::output) return collected(id, std::move(end));
  }
  note(id, job, Seen::finished, false);
  asio::co_spawn(executor_, collect_slowly(shared_from_this(), id, job.ticket, number, report, std::move(turn)), rethrow);
}

awaitable<void> LocalBackend::Followed::collect_slowly(std::shared_ptr<Followed> self, std::string id,
                                                       std::shared_ptr<const Ticket> ticket, std::uint64_t number, Report report,
                                                       std::optional<Turn> turn) {
  for (auto pause = turn_pause_min; !turn; pause = std::min(pause * 2, turn_pause_max)) {
    co_await self->runtime_.sleep(pause);
    if (self->closed_ || !self->awaits(id, number)) co_return;
    turn = Turn::take(self->options_.state, id);
  }
  core::JobEnd end;
  co_await self->runtime_.blocking(Runtime::Lane::files, [&] { end = collect(*ticket, report, self->own_folders_); });
  turn.reset();
  // Outputs that are not there: by the step's fault, or since another replica released the job and they are replaced by now.
  if (end.kind == core::EndKind::output && !self->closed_ && self->awaits(id, number)) {
    const std::vector<std::string> about{id};
    const auto unknown = co_await self->ask(ticket->run, about);
    static_cast<void>(unknown);  // what is said of a job that we follow is taken: it was released
  }
  if (!self->closed_ && self->awaits(id, number)) self->collected(id, std::move(end));
}

/// Whether the run was not let go of since.
bool LocalBackend::Followed::awaits(const std::string& id, std::uint64_t number) const {
  const auto job = jobs_.find(id);
  return job != jobs_.end() && job->second.collecting == number;
}

void LocalBackend::Followed::collected(const std::string& id, core::JobEnd end) {
  auto& job = jobs_.at(id);
  job.collecting = 0;
  job.end = std::make_shared<const core::JobEnd>(std::move(end));
  job.tail.reset();
  // Its outputs may have gone while we looked for them: its end was committed by the one who released it.
  if (job.released) return note(id, job, Seen::unknown, false);
  note(id, job, job.end->kind == core::EndKind::ok ? Seen::done : Seen::erred, true);
}

core::Observation LocalBackend::Followed::observation(const std::string& id, const Job& job) const {
  core::Observation seen{.job = JobId(id), .seen = job.seen};
  if (job.seen == Seen::running) {
    seen.started = job.started;
    if (job.ticket) seen.log = job.ticket->log();
  }
  if (job.seen == Seen::done || job.seen == Seen::erred) seen.end = job.end;
  return seen;
}

// ---- pushes ---------------------------------------------------------------------------------------------------------------------------
void LocalBackend::Followed::push(const core::RunKey& run, const std::string& id, bool at_once) {
  if (at_once) {
    ready_pushes_[run].insert(id);
    if (!has_backlog()) return tell();
    if (!std::exchange(gather_timer_, true)) asio::co_spawn(executor_, push_gathered(shared_from_this()), rethrow);
    return;
  }
  late_pushes_[run].insert(id);
  if (!std::exchange(late_timer_, true)) asio::co_spawn(executor_, push_later(shared_from_this()), rethrow);
}

void LocalBackend::Followed::tell() {
  told_ = true;
  pushed_->notify();
}

awaitable<void> LocalBackend::Followed::push_gathered(std::shared_ptr<Followed> self) {
  co_await self->runtime_.sleep(gather_pause);
  self->gather_timer_ = false;
  if (!self->ready_pushes_.empty()) self->tell();
}

awaitable<void> LocalBackend::Followed::push_later(std::shared_ptr<Followed> self) {
  co_await self->runtime_.sleep(begin_delay);
  self->late_timer_ = false;
  for (auto& [run, ids] : std::exchange(self->late_pushes_, {}))
    for (const auto& id : ids) {
      const auto job = self->jobs_.find(id);
      if (job == self->jobs_.end() || job->second.seen == Seen::done || job->second.seen == Seen::erred)
        continue;                                                                 // told at once
      if (job->second.number <= self->runs_.at(job->second.run).shown) continue;  // a pass came meanwhile, and has seen it
      self->ready_pushes_[run].insert(id);
    }
  if (!self->ready_pushes_.empty()) self->tell();
}

awaitable<Result<std::vector<Push>>> LocalBackend::Followed::pushes() {
  const auto self = shared_from_this();
  while (!closed_ && (!std::exchange(told_, false) || ready_pushes_.empty())) co_await pushed_->wait();
  if (closed_) co_return fail({.code = "backend.closed", .what = "the backend is closed"});
  std::vector<Push> all;
  for (auto& [run, ids] : std::exchange(ready_pushes_, {})) {
    Push push{.run = run};
    for (const auto& id : ids) push.jobs.emplace_back(id);
    all.push_back(std::move(push));
  }
  co_return all;
}

// ---- progress ---------------------------------------------------------------------------------------------------------------------------
awaitable<void> LocalBackend::Followed::watch_progress(std::shared_ptr<Followed> self) {
  while (!self->closed_ && !self->watched_.empty()) {
    co_await self->runtime_.sleep(progress_pause);
    for (const auto& id : self->watched_) self->read_progress(id, self->jobs_.at(id));
  }
  self->progress_timer_ = false;
}

void LocalBackend::Followed::read_progress(const std::string& id, Job& job) {
  if (job.ticket == nullptr) return;
  if (!job.tail) job.tail.emplace(job.ticket->log());
  if (const auto progress = job.tail->read()) progress_.push_back({job.run, JobId(id), *progress});
}

// ---- the port -----------------------------------------------------------------------------------------------------------------------------
LocalBackend::LocalBackend(Runtime& runtime, asio::any_io_executor executor, LocalOptions options)
    : followed_(std::make_shared<Followed>(runtime, std::move(executor), std::move(options))) {
  followed_->begin();
}
LocalBackend::~LocalBackend() { followed_->close(); }

awaitable<Result<void>> LocalBackend::submit(std::vector<core::Job> jobs) { return followed_->submit(std::move(jobs)); }
awaitable<Observed> LocalBackend::observe(core::RunKey run, std::vector<JobId> ask, Cursor after) {
  return followed_->observe(std::move(run), std::move(ask), after);
}
awaitable<Result<void>> LocalBackend::bar(core::RunKey run, std::vector<JobId> jobs) {
  Bar bar;
  for (const auto& id : jobs) bar.jobs.push_back(id.value());
  return followed_->say(std::move(run), std::move(bar), std::move(jobs), true);
}
awaitable<Result<void>> LocalBackend::cancel(core::RunKey run, std::vector<core::Kill> jobs) {
  Stop stop;
  std::vector<JobId> ids;
  for (const auto& kill : jobs) {
    stop.jobs.emplace_back(kill.job.value(), kill.hard);
    ids.push_back(kill.job);
  }
  return followed_->say(std::move(run), std::move(stop), std::move(ids), true);
}
awaitable<Result<void>> LocalBackend::release(core::RunKey run, std::vector<JobId> jobs) {
  return followed_->release(std::move(run), std::move(jobs));
}
void LocalBackend::unfollow(const core::RunKey& run, const std::vector<JobId>& jobs) { followed_->unfollow(run, jobs); }
void LocalBackend::forget_run(const core::RunKey& run) { followed_->forget_run(run); }
awaitable<Result<std::vector<Push>>> LocalBackend::pushes() { return followed_->pushes(); }
std::vector<JobProgress> LocalBackend::take_progress() { return followed_->take_progress(); }
std::uint64_t LocalBackend::claims_refused() const { return followed_->claims_refused(); }
std::uint32_t LocalBackend::slots() const { return followed_->slots(); }
void LocalBackend::close() { followed_->close(); }

std::vector<std::string> own_environment() {
  std::vector<std::string> all;
  for (char** at = environ; *at != nullptr; ++at) all.emplace_back(*at);
  return all;
}

}  // namespace baton::local
