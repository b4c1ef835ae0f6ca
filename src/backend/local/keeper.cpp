#include "backend/local/keeper.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <map>

#include "backend/local/machine.hpp"
#include "backend/local/processes.hpp"

namespace baton::local {
namespace {

constexpr int exit_surroundings = 4;
constexpr std::size_t compact_bytes_min = 256 * 1024;  // below, a journal is not worth rewriting
constexpr std::size_t compact_bytes_running = 16u << 20;
constexpr int burial_patience_ms = 10'000;
constexpr std::int64_t drain_look_us = 10'000;
constexpr std::int64_t write_retry_us = 1'000'000;
constexpr std::int64_t drain_patience_us = 5'000'000;
constexpr std::int64_t oom_age_us = 200'000;         // how old a reading of the kernel's counter may be when a job begins
constexpr std::size_t outbox_bytes_max = 64u << 20;  // of one connection that does not read: then it is closed, and asks anew

std::int64_t clock_us(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return std::int64_t{now.tv_sec} * 1'000'000 + now.tv_nsec / 1'000;
}
Moment moment() { return {.steady_us = clock_us(CLOCK_BOOTTIME), .wall_us = clock_us(CLOCK_REALTIME)}; }

void complain(const std::string& text) {
  std::fprintf(stderr, "baton keeper [%d]: %s\n", static_cast<int>(::getpid()), text.c_str());
}
void complain(const Error& error) { complain(error.what + " (" + error.where + ") [" + error.code + "]"); }

class Keeper {
 public:
  explicit Keeper(KeeperOptions options) : options_(std::move(options)), oom_(options_.oom_file) {}
  ~Keeper() {
    for (const int fd : {listener_, signals_, epoll_, lock_})
      if (fd >= 0) ::close(fd);
  }
  Keeper(const Keeper&) = delete;
  Keeper& operator=(const Keeper&) = delete;

  int run() {
    prepare_process();
    switch (take_lock()) {
      case Lock::taken: break;
      case Lock::held: return 0;
      case Lock::failed: return exit_surroundings;
    }
    if (!recover() || !listen()) return exit_surroundings;
    struct stat seen{};
    if (::fstat(options_.connection, &seen) == 0 && S_ISSOCK(seen.st_mode)) add_connection(options_.connection);
    while (!stopped_ && (machine_.running() > 0 || !connections_.empty())) turn();
    if (stopped_) kill_all();
    struct stat place{};
    if (::lstat(socket_path_.c_str(), &place) == 0 && place.st_dev == socket_.st_dev && place.st_ino == socket_.st_ino)
      ::unlink(socket_path_.c_str());
    return 0;
  }

 private:
  enum class Lock : std::uint8_t { taken, held, failed };
  struct Connection {
    int fd = -1;
    Frames inbox;
    std::string outbox;
    bool waits_to_write = false;
    std::vector<std::string> environment;
  };
  /// A leader that has ended, of a job of which something may be left.
  struct Draining {
    std::string job;
    std::int32_t code = 0, signal = 0;
    std::int64_t since_us = 0;
  };

  // ---- starting -----------------------------------------------------------------------------------------------------------
  void prepare_process() {
    as_keeper();
    ::prctl(PR_SET_CHILD_SUBREAPER, 1);
    ::prctl(PR_SET_NAME, "baton-keeper");
    sigset_t all;
    sigfillset(&all);
    for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP}) sigdelset(&all, fault);
    ::sigprocmask(SIG_SETMASK, &all, nullptr);
    sigset_t watched;
    sigemptyset(&watched);
    sigaddset(&watched, SIGCHLD);
    sigaddset(&watched, SIGTERM);
    signals_ = ::signalfd(-1, &watched, SFD_CLOEXEC | SFD_NONBLOCK);
    epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
    watch(signals_, EPOLLIN, EPOLL_CTL_ADD);
  }

  Lock take_lock() {
    const auto path = options_.state + "/keeper.lock";
    lock_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (lock_ < 0) return complain(path + ": " + std::strerror(errno)), Lock::failed;
    // The one before us may be on its way out: it does not listen any more, and holds the lock until it is gone.
    for (int tried = 0; ::flock(lock_, LOCK_EX | LOCK_NB) != 0; ++tried) {
      if (errno != EWOULDBLOCK) return complain(path + ": " + std::strerror(errno)), Lock::failed;
      if (tried == 50) return Lock::held;
      const timespec pause{.tv_sec = 0, .tv_nsec = 2'000'000};
      ::nanosleep(&pause, nullptr);
    }
    const auto pid = std::to_string(::getpid()) + "\n";
    if (::ftruncate(lock_, 0) != 0 || ::pwrite(lock_, pid.data(), pid.size(), 0) < 0)
      complain(path + ": " + std::strerror(errno));
    return Lock::taken;
  }

  bool recover() {
    auto past = journal_.open(options_.state + "/jobs.log");
    if (!past) return complain(past.error()), false;
    if (journal_.damaged() > 0) complain("jobs.log: " + std::to_string(journal_.damaged()) + " damaged lines skipped");
    for (const auto& record : *past) machine_.replay(record);

    std::set<std::string> left;
    const auto claims = machine_.open_claims(boot_);
    for (const auto& claim : claims) {
      if (!claim.this_boot) continue;
      if (claim.pid != 0 && is_running(claim.pid, claim.start_ticks)) ::kill(-claim.pid, SIGKILL);
      left.insert(claim.id);
    }
    if (!left.empty() && !bury(left, burial_patience_ms)) complain("a process of a lost job does not die");
    for (const auto& claim : claims) machine_.buried(claim.serial);

    auto records = machine_.snapshot(boot_, moment());
    auto buried = machine_.take().records;
    if (journal_.bytes() >= compact_bytes_min || journal_.damaged() > 0) {
      const auto done = journal_.replace(records);
      if (!done) return complain(done.error()), false;
    } else {
      buried.insert(buried.begin(), BootRecord{boot_});
      const auto done = journal_.append(buried);
      if (!done) return complain(done.error()), false;
    }
    compacted_bytes_ = journal_.bytes();
    return true;
  }

  bool listen() {
    socket_path_ = options_.state + "/keeper.sock";
    ::unlink(socket_path_.c_str());
    const auto place = socket_place(options_.state, "keeper.sock");
    listener_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, place.path.c_str(), place.path.size() + 1);
    const auto before = ::umask(0077);  // who may connect may run commands as us
    const bool good = listener_ >= 0 && ::bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
                      ::listen(listener_, 64) == 0;
    const int error = errno;
    ::umask(before);
    if (place.folder >= 0) ::close(place.folder);
    if (!good) return complain(socket_path_ + ": " + std::strerror(error)), false;
    ::lstat(socket_path_.c_str(), &socket_);
    watch(listener_, EPOLLIN, EPOLL_CTL_ADD);
    return true;
  }

  // ---- the loop -----------------------------------------------------------------------------------------------------------
  void watch(int fd, std::uint32_t events, int how) {
    epoll_event event{};
    event.events = events;
    event.data.fd = fd;
    ::epoll_ctl(epoll_, how, fd, &event);
  }

  int wait_ms(Moment now) const {
    auto next = machine_.next_deadline();
    if (!draining_.empty()) next = std::min(next.value_or(now.steady_us + drain_look_us), now.steady_us + drain_look_us);
    if (!held_back_.empty()) next = std::min(next.value_or(now.steady_us + write_retry_us), now.steady_us + write_retry_us);
    if (!next) return -1;
    return static_cast<int>(std::clamp<std::int64_t>((*next - now.steady_us + 999) / 1000, 0, 60'000));
  }

  void turn() {
    std::array<epoll_event, 64> events{};
    const int count = ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), wait_ms(moment()));
    bool children = !draining_.empty();
    for (int i = 0; i < count; ++i) {
      const auto& event = events[static_cast<std::size_t>(i)];
      if (event.data.fd == signals_)
        children = read_signals() || children;
      else if (event.data.fd == listener_)
        accept_all();
      else
        serve(event.data.fd, event.events);
    }
    if (children) reap();
    machine_.tick(moment(), journal_.room(machine_.wanted_room()));
    do act();
    while (!flush_all());
    compact();
  }

  /// Writes, then acts, then tells: who was told of a begin or an end finds it in the journal. What can begin now begins before the ends
  /// are told.
  void act() {
    for (auto out = take(); !out.empty(); out = take()) {
      const auto written = journal_.append(out.records);
      if (!written) complain(written.error());
      for (const auto& signal : out.signals) {
        if (!machine_.is_leader(signal.pid) || draining_.contains(signal.pid)) continue;  // reaped in this turn
        ::kill(-signal.pid, signal.hard ? SIGKILL : SIGTERM);
        ::kill(-signal.pid, SIGCONT);  // a stopped one would not hear of it
        signal_others(machine_.job_of(signal.pid), signal.pid, signal.hard ? SIGKILL : SIGTERM);
      }
      for (auto& spawn : out.spawns) begin(std::move(spawn), written.has_value());
      for (const auto& look : out.looks) this->look(look);
      if (!written) return hold_back(std::move(out));
      if (!out.news.empty()) {
        const auto frame = encode(Response(News{std::move(out.news)}));
        for (auto& [fd, connection] : connections_) connection.outbox += frame;
      }
      for (auto& [to, answer] : out.answers)
        if (const auto found = connections_.find(static_cast<int>(to)); found != connections_.end())
          found->second.outbox += encode(Response(std::move(answer)));
    }
  }

  /// What could not be written before comes first.
  Machine::Out take() {
    auto out = std::exchange(held_back_, {});
    auto more = machine_.take();
    out.records.insert(out.records.end(), more.records.begin(), more.records.end());
    out.news.insert(out.news.end(), more.news.begin(), more.news.end());
    out.answers = std::move(more.answers);
    out.signals = std::move(more.signals);
    out.spawns = std::move(more.spawns);
    out.looks = std::move(more.looks);
    return out;
  }

  /// Nothing is told that is not written. The begins are the machine's again.
  void hold_back(Machine::Out out) {
    std::erase_if(out.records, [](const Record& record) { return std::holds_alternative<BeginRecord>(record); });
    held_back_.records = std::move(out.records);
    held_back_.news = std::move(out.news);
    // A question is asked anew: its answer has to be as new as the news before it.
    for (auto& [to, answer] : out.answers) {
      Query query{.token = answer.token, .jobs = {}};
      for (auto& report : answer.reports) query.jobs.push_back(std::move(report.id));
      machine_.heard(to, query, moment());
    }
  }

  void begin(Machine::Spawn spawn, bool claimed) {
    if (!claimed) return machine_.claim_failed(std::move(spawn), moment());
    static const std::vector<std::string> none;
    const auto connection = connections_.find(static_cast<int>(spawn.connection));
    const auto& environment = connection == connections_.end() ? none : connection->second.environment;
    const auto made = local::spawn(spawn.job, environment);
    const auto now = moment();
    if (!made) {
      complain(made.error());
      return machine_.spawn_failed(spawn.serial, std::stoi(made.error().where), now);
    }
    machine_.spawned(spawn.serial, made->pid, made->start_ticks, made->inode, recent_oom_kills(now), now);
  }

  std::uint64_t recent_oom_kills(Moment now) {
    if (now.steady_us - oom_read_us_ > oom_age_us) {
      oom_kills_ = oom_.read();
      oom_read_us_ = now.steady_us;
    }
    return oom_kills_;
  }

  void look(const Machine::Look& look) {
    struct stat seen{};
    const auto bytes = ::stat(look.log.c_str(), &seen) == 0 ? static_cast<std::uint64_t>(seen.st_size) : 0;
    machine_.log_size(look.serial, bytes, moment());
  }

  void compact() {
    if (journal_.bytes() < std::max(compact_bytes_running, 4 * compacted_bytes_)) return;
    const auto done = journal_.replace(machine_.snapshot(boot_, moment()));
    if (!done) complain(done.error());
    compacted_bytes_ = journal_.bytes();
  }

  // ---- children -------------------------------------------------------------------------------------------------------------
  bool read_signals() {
    bool children = false;
    std::array<signalfd_siginfo, 8> infos{};
    const auto size = ::read(signals_, infos.data(), sizeof infos);
    for (std::size_t i = 0; size > 0 && i < static_cast<std::size_t>(size) / sizeof(signalfd_siginfo); ++i) {
      children = children || infos[i].ssi_signo == SIGCHLD;
      stopped_ = stopped_ || infos[i].ssi_signo == SIGTERM;
    }
    return children;
  }

  /// Also of those that fell to us because their parent went. What the leader left in its group is killed before the reap: afterwards
  /// its number may be a stranger's. What left the group is killed afterwards, as our children, and the end is told when all are gone.
  void reap() {
    for (;;) {
      siginfo_t info{};
      if (::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == 0) break;
      const auto pid = info.si_pid;
      const bool leads = machine_.is_leader(pid);
      if (leads) ::kill(-pid, SIGKILL);
      int status = 0;
      ::waitpid(pid, &status, 0);
      if (!leads) continue;
      Draining ended{.job = machine_.job_of(pid), .since_us = clock_us(CLOCK_BOOTTIME)};
      ended.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
      ended.code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
      draining_[pid] = ended;
    }
    const auto is_leader = [this](pid_t pid) { return machine_.is_leader(pid); };
    for (auto at = draining_.begin(); at != draining_.end();) {
      const auto now = moment();
      const bool left = !kill_left(at->second.job, at->first, is_leader) || ::kill(-at->first, 0) == 0;
      if (left && now.steady_us - at->second.since_us <= drain_patience_us) {
        ++at;
        continue;
      }
      const auto kills = at->second.code == 128 + SIGKILL ? oom_.read() : 0;
      machine_.exited(at->first, at->second.code, at->second.signal, kills, now);
      at = draining_.erase(at);
    }
  }

  void kill_all() {
    for (const auto& claim : machine_.open_claims(boot_))
      if (claim.pid != 0 && !draining_.contains(claim.pid)) ::kill(-claim.pid, SIGKILL);
  }

  // ---- connections ------------------------------------------------------------------------------------------------------------
  void accept_all() {
    for (int fd = 0; (fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0;) add_connection(fd);
  }
  void add_connection(int fd) {
    ::fcntl(fd, F_SETFD, FD_CLOEXEC);
    ::fcntl(fd, F_SETFL, O_NONBLOCK);
    connections_[fd].fd = fd;
    watch(fd, EPOLLIN, EPOLL_CTL_ADD);
  }
  void drop(int fd) {
    machine_.disconnected(static_cast<Machine::Connection>(fd));
    connections_.erase(fd);
    ::close(fd);
  }

  void serve(int fd, std::uint32_t events) {
    const auto found = connections_.find(fd);
    if (found == connections_.end()) return;
    if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) == 0) return;  // writable: flush_all does it
    std::array<char, 65536> part;
    const auto size = ::recv(fd, part.data(), part.size(), 0);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (size <= 0) return drop(fd);
    auto& connection = found->second;
    connection.inbox.add({part.data(), static_cast<std::size_t>(size)});
    while (const auto frame = connection.inbox.next()) {
      auto request = decode_request(*frame);
      if (!request) return complain("a message that is none; connection closed"), drop(fd);
      if (auto* hello = std::get_if<Hello>(&*request)) connection.environment = std::move(hello->environment);
      machine_.heard(static_cast<Machine::Connection>(fd), std::move(*request), moment());
    }
    if (connection.inbox.broken()) drop(fd);
  }

  /// False: connections were dropped, and what that means has to be told.
  bool flush_all() {
    std::vector<int> broken;
    for (auto& [fd, connection] : connections_) {
      if (connection.outbox.empty() && !connection.waits_to_write) continue;
      const auto size = ::send(fd, connection.outbox.data(), connection.outbox.size(), MSG_NOSIGNAL);
      if (size > 0) connection.outbox.erase(0, static_cast<std::size_t>(size));
      const bool full = size < 0 && errno != EAGAIN && errno != EINTR;
      if (full || connection.outbox.size() > outbox_bytes_max) {
        broken.push_back(fd);
        continue;
      }
      if (connection.waits_to_write == connection.outbox.empty()) {
        connection.waits_to_write = !connection.outbox.empty();
        watch(fd, connection.waits_to_write ? EPOLLIN | EPOLLOUT : EPOLLIN, EPOLL_CTL_MOD);
      }
    }
    for (const int fd : broken) drop(fd);
    return broken.empty();
  }

  const KeeperOptions options_;
  const std::string boot_ = boot_id();
  const OomCounter oom_;
  std::uint64_t oom_kills_ = 0;
  std::int64_t oom_read_us_ = 0;
  Journal journal_;
  Machine machine_;
  Machine::Out held_back_;  ///< records, news and answers of a write that failed
  std::string socket_path_;
  struct stat socket_{};  ///< in its place; another's stands there if the state directory was removed and made anew
  std::size_t compacted_bytes_ = 0;
  int lock_ = -1, signals_ = -1, epoll_ = -1, listener_ = -1;
  bool stopped_ = false;
  std::map<int, Connection> connections_;
  std::map<pid_t, Draining> draining_;
};

}  // namespace

SocketPlace socket_place(const std::string& folder, const std::string& name) {
  auto path = folder + "/" + name;
  if (path.size() < sizeof(sockaddr_un{}.sun_path)) return {.path = std::move(path)};
  const int opened = ::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
  return {.path = "/proc/self/fd/" + std::to_string(opened) + "/" + name, .folder = opened};
}

int keeper_main(KeeperOptions options) {
  Keeper keeper(std::move(options));
  return keeper.run();
}

}  // namespace baton::local
