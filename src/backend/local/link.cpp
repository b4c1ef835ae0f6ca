#include "backend/local/link.hpp"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstring>
#include <fstream>
#include <optional>

#include "backend/local/keeper.hpp"

extern char** environ;

namespace baton::local {
namespace asio = boost::asio;
namespace {

using Socket = asio::local::stream_protocol::socket;
constexpr auto as_pair = asio::as_tuple(asio::use_awaitable);
constexpr core::Duration retry_min = std::chrono::milliseconds(50);
constexpr core::Duration retry_max = std::chrono::seconds(5);
constexpr off_t complaints_bytes_max = 1 << 20;  // of keeper.err: more is cut when a keeper is started
constexpr std::size_t last_line_bytes_max = 4096;
constexpr int keeper_socket = 3;

void rethrow(std::exception_ptr thrown) {
  if (thrown) std::rethrow_exception(thrown);
}

}  // namespace

struct Link::Parts {
  Parts(asio::any_io_executor executor, Runtime& a_runtime, LinkOptions a_options, Handlers a_handlers)
      : runtime(a_runtime),
        options(std::move(a_options)),
        handlers(std::move(a_handlers)),
        socket(executor),
        changed(runtime.event()) {}
  Runtime& runtime;
  LinkOptions options;
  Handlers handlers;
  Socket socket;
  std::unique_ptr<Event> changed;  ///< up or down
  std::string outbox;
  std::vector<pid_t> keepers;            ///< started by us, not yet reaped
  core::Duration pause = retry_min;      ///< before the next try; grows until a keeper has answered
  std::optional<off_t> complaints_from;  ///< size of keeper.err before the first keeper that did not answer
  std::string why_not;                   ///< why the last keeper could not be made; empty: it was
  int waiting = 0;                       ///< callers of `wait_up`
  bool started = false, connected = false, up = false, closed = false, flushing = false;
};

Link::Link(asio::any_io_executor executor, Runtime& runtime, LinkOptions options, Handlers handlers)
    : parts_(std::make_unique<Parts>(std::move(executor), runtime, std::move(options), std::move(handlers))) {}
Link::~Link() = default;

bool Link::is_up() const { return parts_->up; }

void Link::start() {
  if (parts_->started || parts_->closed) return;
  parts_->started = true;
  asio::co_spawn(parts_->socket.get_executor(), keep(shared_from_this()), rethrow);
}

awaitable<bool> Link::wait_up(core::Duration limit) {
  const auto self = shared_from_this();
  start();
  const auto until = parts_->runtime.steady() + limit;
  ++parts_->waiting;
  while (!parts_->up && !parts_->closed) {
    const auto left = until - parts_->runtime.steady();
    if (left <= core::Duration::zero()) break;
    co_await parts_->changed->wait_for(left);
  }
  --parts_->waiting;
  co_return parts_->up;
}

void Link::close() {
  parts_->closed = true;
  parts_->connected = parts_->up = false;
  boost::system::error_code ignored;
  parts_->socket.close(ignored);
  parts_->changed->notify();
  reap();
}

/// A keeper that was made, or that let us connect, may still end before it says a word: only its first answer counts as up.
awaitable<void> Link::keep(std::shared_ptr<Link> self) {
  auto& parts = *self->parts_;
  while (!parts.closed) {
    parts.connected = co_await self->connect();
    if (parts.connected) {
      parts.outbox = parts.handlers.up();
      self->flush();
      co_await self->read();
      if (parts.closed) break;
      parts.connected = parts.up = false;
      boost::system::error_code ignored;
      parts.socket.close(ignored);
      self->reap();
    }
    const bool again = parts.handlers.down();
    const auto pause = std::exchange(parts.pause, std::min(parts.pause * 2, retry_max));
    co_await parts.runtime.sleep(pause);
    if (!again && parts.waiting == 0) break;
  }
  parts.started = false;
}

void Link::answered() {
  auto& parts = *parts_;
  if (parts.up) return;
  parts.up = true;
  parts.pause = retry_min;
  parts.complaints_from.reset();
  parts.changed->notify();
}

std::string Link::why_down() const {
  if (!parts_->why_not.empty()) return parts_->why_not;
  if (!parts_->complaints_from) return {};
  std::ifstream file(parts_->options.state + "/keeper.err", std::ios::binary | std::ios::ate);
  const off_t size = file ? static_cast<off_t>(file.tellg()) : 0;
  if (size <= *parts_->complaints_from) return {};
  std::string text(std::min(static_cast<std::size_t>(size - *parts_->complaints_from), last_line_bytes_max), '\0');
  file.seekg(size - static_cast<off_t>(text.size()));
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  while (text.ends_with('\n')) text.pop_back();
  return text.substr(text.rfind('\n') + 1);
}

awaitable<bool> Link::connect() {
  if (connect_to_living()) co_return true;
  co_return start_keeper();
}

bool Link::connect_to_living() {
  const auto place = socket_place(parts_->options.state, "keeper.sock");
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, place.path.c_str(), place.path.size() + 1);
  const bool good = fd >= 0 && ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  if (place.folder >= 0) ::close(place.folder);
  if (!good) {
    if (fd >= 0) ::close(fd);
    return false;
  }
  boost::system::error_code error;
  parts_->socket.assign(asio::local::stream_protocol(), fd, error);
  return !error;
}

/// The new keeper has our socket from the start; if another one was quicker it ends, the line is lost, and the next try finds that one.
bool Link::start_keeper() {
  reap();
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) return false;

  auto words = parts_->options.keeper;
  words.insert(words.end(), {"--state", parts_->options.state});
  std::vector<char*> argv;
  for (auto& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);

  posix_spawn_file_actions_t files;
  posix_spawnattr_t how;
  sigset_t none;
  sigemptyset(&none);
  ::posix_spawn_file_actions_init(&files);
  ::posix_spawnattr_init(&how);
  const auto log = parts_->options.state + "/keeper.err";
  struct stat seen{};
  if (::stat(log.c_str(), &seen) == 0 && seen.st_size > complaints_bytes_max && ::truncate(log.c_str(), 0) == 0) {
    seen.st_size = 0;
    parts_->complaints_from.reset();
  }
  if (!parts_->complaints_from) parts_->complaints_from = seen.st_size;
  // First out of the way of 0 to 3: a descriptor that is put upon itself keeps its close-on-exec.
  const int high = ::fcntl(ends[1], F_DUPFD_CLOEXEC, 10);
  ::posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_addopen(&files, 1, log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
  ::posix_spawn_file_actions_adddup2(&files, 1, 2);
  ::posix_spawn_file_actions_adddup2(&files, high, keeper_socket);
  ::posix_spawn_file_actions_addclosefrom_np(&files, keeper_socket + 1);
  ::posix_spawnattr_setflags(&how, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK);
  ::posix_spawnattr_setsigmask(&how, &none);
  pid_t pid = 0;
  const int error = ::posix_spawn(&pid, argv.front(), &files, &how, argv.data(), environ);
  ::posix_spawn_file_actions_destroy(&files);
  ::posix_spawnattr_destroy(&how);
  ::close(ends[1]);
  ::close(high);
  parts_->why_not = error == 0 ? "" : "'" + words.front() + "' cannot be started: " + std::strerror(error);
  if (error != 0) {
    ::close(ends[0]);
    return false;
  }
  parts_->keepers.push_back(pid);
  boost::system::error_code failed;
  parts_->socket.assign(asio::local::stream_protocol(), ends[0], failed);
  return !failed;
}

awaitable<void> Link::read() {
  Frames frames;
  std::vector<char> part(65536);
  for (;;) {
    const auto [error, size] = co_await parts_->socket.async_read_some(asio::buffer(part), as_pair);
    if (error || parts_->closed) co_return;
    frames.add({part.data(), size});
    while (const auto frame = frames.next()) {
      auto response = decode_response(*frame);
      if (!response) co_return;
      answered();
      parts_->handlers.heard(std::move(*response));
      if (parts_->closed) co_return;
    }
    if (frames.broken()) co_return;
  }
}

void Link::send(const Request& request) {
  if (!parts_->up) return;
  parts_->outbox += encode(request);
  flush();
}

void Link::flush() {
  if (parts_->flushing || parts_->outbox.empty()) return;
  parts_->flushing = true;
  asio::co_spawn(parts_->socket.get_executor(), write_all(shared_from_this()), rethrow);
}

/// Begins in the next turn of the loop, so that what is said in this one goes out together.
awaitable<void> Link::write_all(std::shared_ptr<Link> self) {
  auto& parts = *self->parts_;
  while (parts.connected && !parts.outbox.empty()) {
    const auto batch = std::exchange(parts.outbox, {});
    std::size_t at = 0;
    while (at < batch.size()) {
      const auto [error, size] =
          co_await parts.socket.async_write_some(asio::buffer(batch.data() + at, batch.size() - at), as_pair);
      if (error) break;  // the reader sees the line down
      at += size;
    }
  }
  parts.flushing = false;
}

void Link::reap() {
  std::erase_if(parts_->keepers, [](pid_t pid) { return ::waitpid(pid, nullptr, WNOHANG) != 0; });
}

}  // namespace baton::local
