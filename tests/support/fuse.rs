//! A minimal FUSE file system: one empty folder.

use std::{
    fs::File,
    io::{Read, Write},
    thread,
};

/// Opcodes and sizes are those of `linux/fuse.h`, protocol 7.31.
const FORGET: u32 = 2;
const LOOKUP: u32 = 1;
const GETATTR: u32 = 3;
const INIT: u32 = 26;
const INTERRUPT: u32 = 36;
const NOT_FOUND: i32 = -2;
const NOT_IMPLEMENTED: i32 = -38;

/// Serves the file system until it is unmounted.
pub fn serve(mut device: File) {
    thread::spawn(move || {
        let mut request = vec![0; 1 << 18];
        while let Ok(40..) = device.read(&mut request) {
            let opcode = u32::from_ne_bytes(request[4..8].try_into().unwrap());
            let (error, body) = match opcode {
                INIT => (
                    0,
                    ints(&[7, 31, 0, 0, 0, 4096, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
                ),
                GETATTR => (0, folder()),
                LOOKUP => (NOT_FOUND, Vec::new()),
                // These have no reply.
                FORGET | INTERRUPT => continue,
                _ => (NOT_IMPLEMENTED, Vec::new()),
            };
            let mut answer = ints(&[16 + body.len() as u32, error.cast_unsigned()]);
            answer.extend(&request[8..16]);
            answer.extend(body);
            if device.write_all(&answer).is_err() {
                break;
            }
        }
    });
}

/// The attributes of a folder that root owns, valid for an hour.
fn folder() -> Vec<u8> {
    let mut ints_of = vec![3600, 0, 0, 0, 1];
    // Inode, size, blocks, times: all but the inode are 0.
    ints_of.extend([0; 14]);
    let (mode, links, block) = (0o040_755, 2, 4096);
    ints_of.extend([mode, links, 0, 0, 0, block, 0]);
    ints(&ints_of)
}

fn ints(values: &[u32]) -> Vec<u8> {
    values
        .iter()
        .flat_map(|value| value.to_ne_bytes())
        .collect()
}
