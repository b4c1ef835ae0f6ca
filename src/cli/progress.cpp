#include "cli/progress.hpp"

#include <algorithm>
#include <fstream>

#include "core/time_text.hpp"

namespace baton::cli {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t lines_max = 20;
constexpr std::streamoff bytes_max = 16 * 1024;
constexpr std::size_t named_max = 3;
constexpr auto tell_long_every = 10s;

std::string duration_of(const core::TaskRecord& record) {
  if (!record.started || !record.ended) return {};
  return core::to_text(*record.ended - *record.started);
}

bool made_paths(const core::TaskRecord& record) {
  const auto is_path = [](const core::Product& product) { return std::holds_alternative<core::Stamp>(product.content); };
  return record.state == core::State::success && record.success && std::ranges::any_of(record.success->products, is_path);
}

std::string indented(std::string_view text) {
  std::string shown;
  while (!text.empty()) {
    const auto end = text.find('\n');
    shown.append("    ").append(text.substr(0, end)).append("\n");
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return shown;
}

}  // namespace

std::string last_lines(const std::string& log) {
  std::ifstream file(log, std::ios::binary | std::ios::ate);
  if (!file) return {};
  const auto size = static_cast<std::streamoff>(file.tellg());
  const auto from = std::max<std::streamoff>(0, size - bytes_max);
  std::string text(static_cast<std::size_t>(size - from), '\0');
  file.seekg(from);
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(std::max<std::streamsize>(0, file.gcount())));
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  std::size_t start = text.size();
  for (std::size_t lines = 0; lines < lines_max && start != std::string::npos && start > 0; ++lines)
    start = text.rfind('\n', start - 1);
  if (start != std::string::npos && start < text.size() && text[start] == '\n') text.erase(0, start + 1);
  return indented(printable(text));
}

void Progress::show(const std::vector<TaskView>& tasks, core::Instant now) {
  for (const auto& task : tasks) take(task, !shown_);
  if (!shown_) told_at_ = now;
  shown_ = true;
  if (now - told_at_ >= tell_long_every) tell_long(now);
  if (!lines_.empty()) terminal_.talk(lines_);
  lines_.clear();
}

void Progress::take(const TaskView& task, bool first) {
  const auto& record = task.record;
  auto& known = tasks_[record.task];
  const bool ended = core::is_final(record.state) && !core::is_final(known.state);
  const bool tried_again = !ended && !first && (record.failures > known.failures || record.lost > known.lost);
  known = {task.node, record.state, record.failures, record.lost, record.started, task.progress};
  if (ended) {
    ++ended_;
    has_results_ = has_results_ || made_paths(record);
    if (!first) tell_end(task);
  } else if (tried_again) {
    const auto why = record.errors.empty() ? std::string("its attempt failed") : record.errors.front().what;
    lines_ += place() + printable(task.node.value()) + ": " + printable(why) + "; it is tried again\n";
  }
}

void Progress::tell_end(const TaskView& task) {
  const auto& record = task.record;
  const auto name = place() + printable(task.node.value());
  if (record.state == core::State::success) {
    auto detail = duration_of(record);
    if (record.attempt > 1 && !record.reused)
      detail += (detail.empty() ? "" : ", ") + ("attempt " + std::to_string(record.attempt));
    lines_ += name +
              (record.reused    ? ": up to date after all"
               : detail.empty() ? ""
                                : "  " + terminal_.coloured(Colour::dim, detail)) +
              "\n";
    return;
  }
  if (record.state == core::State::aborted) return;  // the end says how many
  lines_ += name + ": " + terminal_.coloured(Colour::bad, "FAILED") + "\n";
  bool log_named = record.log.empty();
  for (const auto& error : record.errors) {
    log_named = log_named || error.way_out.find(record.log) != std::string::npos;
    lines_ += "  " + printable(error.what) + "  [" + error.code + "]\n";
    if (!error.way_out.empty()) lines_ += "  " + printable(error.way_out) + "\n";
  }
  if (record.log.empty()) return;
  if (!log_named) lines_ += "  its log: " + printable(record.log) + "\n";
  const auto tail = last_lines(record.log);
  lines_ += tail.empty() ? "  it wrote nothing\n" : "  the end of its log:\n" + tail;
}

/// So that a person sees that it is not the runner which hangs.
void Progress::tell_long(core::Instant now) {
  std::vector<const Known*> running;
  for (const auto& [task, known] : tasks_)
    if (known.state == core::State::started && known.started && now - *known.started >= tell_long_every)
      running.push_back(&known);
  if (running.empty()) return;
  told_at_ = now;
  auto line = place() + std::to_string(running.size()) + (running.size() == 1 ? " runs on: " : " run on: ");
  for (std::size_t i = 0; i < running.size() && i < named_max; ++i) {
    line += (i > 0 ? ", " : "") + printable(running[i]->node.value()) + " (" + core::to_text(now - *running[i]->started);
    if (running[i]->progress) line += ", " + std::to_string(static_cast<int>(*running[i]->progress * 100)) + " %";
    line += ")";
  }
  lines_ += line + (running.size() > named_max ? ", …\n" : "\n");
}

std::size_t Progress::count(core::State state) const {
  return static_cast<std::size_t>(std::ranges::count_if(tasks_, [&](const auto& entry) { return entry.second.state == state; }));
}

std::string Progress::place() const {
  const auto total = std::to_string(tasks_.size());
  auto ended = std::to_string(ended_);
  ended.insert(0, total.size() - std::min(total.size(), ended.size()), ' ');
  return "[" + ended + "/" + total + "] ";
}

}  // namespace baton::cli
