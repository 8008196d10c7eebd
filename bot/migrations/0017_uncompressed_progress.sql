-- A case is written once with its reply, and rarely read: to compress it took longer than to write it as it is. It costs about 3 KB
-- an answer. What is stored already stays as it is. Processes of the release before notice nothing.

ALTER TABLE cases ALTER progress SET STORAGE EXTERNAL;
