//! The Merkle sum tree: hashing of leaves and of one level of inner nodes.

use sha2::{Digest, Sha256};

use crate::errors::{KernelError, require_equal_lengths, require_even};
use crate::multiply::add_siblings;
use crate::parallel::fill_chunks;
use crate::point::AffinePoint;

const HASH: usize = 32;
const POINT: usize = 48;
/// Nodes per task: about half a millisecond.
const CHUNK: usize = 1 << 10;

/// First byte of what is hashed: a leaf is never mistaken for an inner node.
const LEAF: [u8; 1] = [0];
const NODE: [u8; 1] = [1];

/// `SHA-256(0x00 || tag_i || C_i)` from 32-byte tags and 48-byte commitments.
pub fn leaf_hashes(tags: &[u8], commitments: &[u8]) -> Result<Vec<u8>, KernelError> {
    let (tags, tags_rest) = tags.as_chunks::<HASH>();
    let (commitments, commitments_rest) = commitments.as_chunks::<POINT>();
    if !tags_rest.is_empty() || !commitments_rest.is_empty() {
        return Err(KernelError::PartialElement);
    }
    require_equal_lengths(tags.len(), commitments.len())?;
    let mut output = vec![[0; HASH]; tags.len()];
    fill_chunks(&mut output, CHUNK, |offset, part| {
        let leaves = tags[offset..].iter().zip(&commitments[offset..]);
        for (hash, (tag, commitment)) in part.iter_mut().zip(leaves) {
            let digest = Sha256::new().chain_update(LEAF).chain_update(tag).chain_update(commitment);
            *hash = digest.finalize().into();
        }
    });
    Ok(output.into_flattened())
}

/// Node i from children 2 i and 2 i + 1: `SHA-256(0x01 || h_l || S_l || h_r || S_r)` and `S_l + S_r`.
pub fn level(hashes: &[u8], sums: &[AffinePoint]) -> Result<(Vec<u8>, Vec<AffinePoint>), KernelError> {
    let (hashes, hashes_rest) = hashes.as_chunks::<HASH>();
    if !hashes_rest.is_empty() {
        return Err(KernelError::PartialElement);
    }
    require_equal_lengths(hashes.len(), sums.len())?;
    let mut output = vec![[0; HASH]; require_even(sums.len())?];
    fill_chunks(&mut output, CHUNK, |offset, part| {
        for (i, hash) in part.iter_mut().enumerate() {
            let mut digest = Sha256::new().chain_update(NODE);
            for child in [2 * (offset + i), 2 * (offset + i) + 1] {
                digest.update(hashes[child]);
                digest.update(sums[child].to_compressed());
            }
            *hash = digest.finalize().into();
        }
    });
    Ok((output.into_flattened(), add_siblings(sums)?))
}
