/// What the command line needs from the place where it runs. `apps/` gives it; so no command knows an adapter.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/model.hpp"
#include "core/result.hpp"
#include "ports/backend.hpp"
#include "ports/files.hpp"
#include "ports/lock.hpp"
#include "ports/queue.hpp"
#include "ports/runtime.hpp"
#include "ports/server.hpp"
#include "ports/store.hpp"

namespace baton::cli {

/// Who works in a state directory: at most one process does.
struct Holder {
  std::int32_t pid = 0;  ///< 0: it has just taken the directory, or lets it go, and says no name
  std::string project;   ///< the pipeline file's name
};

struct WorkOptions {
  std::string dir;  ///< the state directory; absolute, made where it is missing
  std::string out;  ///< where results go; absolute
  std::string project;
  std::optional<std::uint32_t> jobs;  ///< -j
  core::Resources resources;          ///< --resources: over what is found of this machine
};

struct ServerOptions {
  std::string urls;  ///< `URL[,URL…]`
  UserId user;
  /// Called once each time that nobody has answered for longer than passes by unnoticed.
  std::function<void(const Error&)> trouble;
};

/// A state directory that this process works in; nobody else does while it lives. All it gives lives as long as it does.
class Workplace {
 public:
  virtual ~Workplace() = default;
  virtual Store& store() = 0;
  virtual Queue& queue() = 0;
  virtual Lock& lock() = 0;
  virtual Backend& backend() = 0;
  /// What this machine has to share out.
  [[nodiscard]] virtual core::Resources capacity() const = 0;
  /// What a person should know of how the state is kept; empty: nothing.
  [[nodiscard]] virtual std::string note() const = 0;
  /// Takes the state directory away again if this opening made it: nothing is written for bad input. Nothing of it is used afterwards.
  virtual void discard() = 0;
};

class House {
 public:
  virtual ~House() = default;
  virtual Runtime& runtime() = 0;
  /// @param own  Baton's folders: they are no part of a directory that they lie in
  virtual Files& files(std::vector<std::string> own) = 0;
  /// Errors: state.held (`where` = the directory; holder() tells by whom) · state.unusable · store errors.
  virtual Result<std::unique_ptr<Workplace>> work(WorkOptions options) = 0;
  /// What is in a state directory, to be read only; also beside one who works there. Where there is none yet: an empty store.
  /// Errors: store errors.
  virtual Result<std::unique_ptr<Store>> read(std::string dir) = 0;
  /// Speaks to nobody yet. Errors: usage.server.
  virtual Result<std::unique_ptr<Server>> server(ServerOptions options) = 0;
  /// Nobody: none, or the directory is not there.
  virtual std::optional<Holder> holder(const std::string& dir) = 0;
  /// As Ctrl-C would. False: there is no such process (any more), or it is another user's.
  virtual bool interrupt(const Holder& holder) = 0;
  /// Calls `told` for each SIGINT, SIGTERM or SIGHUP that comes from now on, on the loop. Before the first call they end the process;
  /// after one with an empty function they are taken and mean nothing.
  virtual void on_interrupt(std::function<void()> told) = 0;
  /// Ends the process at once, without a word.
  [[noreturn]] virtual void leave(int code) = 0;
};

}  // namespace baton::cli
