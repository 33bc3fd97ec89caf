#pragma once
// Frames: one for each commit of a session (FORMAT.md, "Frames"). A frame is a head of 16 bytes and
// a body. The body is made where the append is (pure); the head, which needs the frame's place in
// the log, by the writer.
//
// Reading trusts nothing: a frame whose checksum is right but whose body is nonsense is kDataLoss.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "store/journal.h"

namespace drover::store::log {

/// A place in the log: bytes since its beginning, over all segments. 0 is no frame's.
using Position = uint64_t;

inline constexpr size_t kFrameHeadBytes = 16;
inline constexpr uint32_t kFrameMagic = 0x5246'4C44;  // "DLFR"

/// What one commit says.
struct Commit {
  /// The session's frame before this one; 0 for its first.
  Position previous = 0;
  uint64_t expected_last = 0;
  /// Its id, its position and what changes often are always set; tenant, agent, version, trace,
  /// times, place in the tree and key only when `whole`.
  SessionRow row;
  bool whole = false;
  std::vector<contract::Event> events;
  std::vector<std::string> blob_refs;  // one for each event; empty: inline
  /// What it said was erased; its place in the session is all that is known.
  bool erased = false;
};

struct FrameHead {
  uint32_t body_bytes = 0;
  /// How far before this frame the log was durable when it was written: the size of what was
  /// written with one sync, up to here.
  uint32_t back = 0;
  uint32_t crc = 0;
};

/// A frame with room for its head. `before` is the session's row as stored, null for a new session.
std::string encode_commit(const Commit& commit, const SessionRow* before);
/// A frame that says nothing but that all before it is durable (written when a log is closed).
std::string encode_mark();
/// What a commit's frame of that size becomes when it is erased: its place in the session, which
/// stands at its beginning as before, and zeros. kInternal if that does not fit.
Result<std::string> encode_erased(const Commit& commit, size_t frame_bytes);
/// The checksum of a frame's body, the part that does not depend on its place.
uint32_t body_crc(std::string_view frame);
/// Writes the head of a frame that is to stand at `position`.
void place_frame(std::string& frame, uint32_t crc_of_body, Position position, uint32_t back);

/// nullopt when these are not the first bytes of a frame. REQUIRES: kFrameHeadBytes bytes.
std::optional<FrameHead> read_head(std::string_view bytes);
bool frame_is_sound(const FrameHead& head, std::string_view body, Position position);

/// nullopt for a mark. kDataLoss on nonsense, kFailedPrecondition for a form of a newer program.
Result<std::optional<Commit>> decode_body(std::string_view body);
/// The beginning of a commit whose frame is damaged: its place in the session, as far as can be
/// told; its last sequence is not known. What erasing overwrites does not touch it.
std::optional<Commit> read_beginning(std::string_view body);
/// The row after a commit; `before` is the row before it (null if unknown or new).
SessionRow row_of(const SessionRow* before, const Commit& commit);

}  // namespace drover::store::log
